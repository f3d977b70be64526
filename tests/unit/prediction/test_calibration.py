from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np
import pytest
import torch

from kgtuner.errors import DataError
from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.models.distmult import DistMult
from kgtuner.prediction import LinkPredictor
from kgtuner.prediction.calibration import (
    ENOUGH,
    FILE,
    Calibration,
    balanced,
    calibrate,
    examples_of,
    load_calibration,
    save_calibration,
)
from kgtuner.prediction.reliability import reliability


@pytest.fixture(scope="module")
def graph() -> KnowledgeGraph:
    """Entities of two groups; relation 0 links within a group, relation 1 is rare."""
    rng = np.random.default_rng(0)
    h = rng.integers(0, 200, 3000)
    t = np.where(h < 100, rng.integers(0, 100, 3000), rng.integers(100, 200, 3000))
    triples = np.unique(np.column_stack([h, np.zeros(3000, int), t]), axis=0)
    triples = rng.permutation(triples)
    rare = np.array([(i, 1, i + 1) for i in range(0, 60, 2)])
    return KnowledgeGraph.from_arrays(
        np.concatenate([triples[:2000], rare[:20]]),
        np.concatenate([triples[2000:2400], rare[20:25]]),
        np.concatenate([triples[2400:2800], rare[25:]]),
    )


@pytest.fixture(scope="module")
def model() -> DistMult:
    """Knows the groups, with a lot of noise."""
    model = DistMult(200, 2, 2)
    rng = torch.Generator().manual_seed(0)
    model.entities.copy_(torch.randn(200, 2, generator=rng) * 0.8)
    model.entities[:100, 0] += 1.5
    model.entities[100:, 0] -= 1.5
    model.relations.fill_(3.0)
    return model


@pytest.fixture(scope="module")
def calibration(model: DistMult, graph: KnowledgeGraph) -> Calibration:
    return calibrate(model, graph)


def test_probabilities_hold_on_triples_that_nobody_fitted_on(
    calibration: Calibration, model: DistMult, graph: KnowledgeGraph
) -> None:
    after = calibration.after[calibration.method]
    assert calibration.before.calibration_error > 0.1
    assert after.calibration_error < 0.05
    assert after.brier < calibration.before.brier
    test = examples_of(model, graph, graph.test, seed=7)
    judged = reliability(calibration.probabilities(test.relation, test.score), test.true, balanced(test.true))
    assert judged.calibration_error < 0.06


def test_held_out_means_held_out() -> None:
    rng = np.random.default_rng(0)
    triples = rng.permutation(np.unique(rng.integers(0, [200, 1, 200], (3000, 3)), axis=0))
    graph = KnowledgeGraph.from_arrays(triples[:2000], triples[2000:2100], triples[2100:2200])
    blind = DistMult(200, 1, 2)
    blind.initialize(torch.Generator().manual_seed(1))
    # Its scores say nothing. A curve that had seen its triples would fit their noise and be better than a coin.
    assert all(judged.brier > 0.25 for judged in calibrate(blind, graph).after.values())


def test_a_relation_with_too_few_validation_triples_shares_a_curve(
    calibration: Calibration, graph: KnowledgeGraph
) -> None:
    counts = np.bincount(graph.valid[:, 1])
    assert counts[0] >= ENOUGH > counts[1]
    assert set(calibration.own) == {0}
    score = np.array([1.0, 1.0])
    own, shared = calibration.probabilities(np.array([0, 1]), score)
    assert own == calibration.own[0](score)[0]
    assert shared == calibration.shared(score)[0]


def test_true_and_false_examples_weigh_the_same() -> None:
    weight = balanced(np.array([True, False, False, False]))
    assert weight.tolist() == pytest.approx([2, 2 / 3, 2 / 3, 2 / 3])


def test_it_comes_back_from_its_file(
    calibration: Calibration, model: DistMult, graph: KnowledgeGraph, tmp_path: Path
) -> None:
    assert load_calibration(tmp_path, model, graph) is None
    assert save_calibration(calibration, tmp_path, model, graph)
    assert load_calibration(tmp_path, model, graph) == calibration
    assert json.loads((tmp_path / FILE).read_text())["relations"] == {"0": "0"}


def test_another_model_is_not_judged_by_it(
    calibration: Calibration, model: DistMult, graph: KnowledgeGraph, tmp_path: Path
) -> None:
    save_calibration(calibration, tmp_path, model, graph)
    other = DistMult(200, 2, 2)
    other.entities.copy_(model.entities)
    other.relations.copy_(model.relations)
    assert load_calibration(tmp_path, other, graph) == calibration
    other.entities[0, 0] += 1
    assert load_calibration(tmp_path, other, graph) is None


@pytest.mark.parametrize("text", ["", "[]", "{", '{"format": 1}', '{"format": 2}'])
def test_a_damaged_file_is_fitted_again(
    text: str, model: DistMult, graph: KnowledgeGraph, tmp_path: Path
) -> None:
    (tmp_path / FILE).write_text(text)
    assert load_calibration(tmp_path, model, graph) is None


def test_it_is_fitted_on_first_use_and_kept_beside_the_model(
    model: DistMult, graph: KnowledgeGraph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    triple = ("3", "0", "4")
    (first,) = LinkPredictor(model, graph, tmp_path).probabilities([triple])
    assert (tmp_path / FILE).exists()
    monkeypatch.setattr("kgtuner.prediction.predictor.calibrate", None)  # nobody fits any more
    assert LinkPredictor(model, graph, tmp_path).probabilities([triple]) == [first]


def test_a_folder_that_cannot_be_written_costs_only_the_next_fit(
    model: DistMult, graph: KnowledgeGraph, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    predictor = LinkPredictor(model, graph, tmp_path / "missing")
    with caplog.at_level(logging.WARNING):
        assert 0 < predictor.probabilities([("3", "0", "4")])[0] < 1
    assert "cannot write" in caplog.text


def test_a_graph_without_a_false_triple_cannot_be_calibrated() -> None:
    full = [(h, 0, t) for h in range(3) for t in range(3)]
    graph = KnowledgeGraph.from_arrays(full, [(0, 0, 1)], [(1, 0, 2)])
    model = DistMult(3, 1, 2)
    model.initialize(torch.Generator().manual_seed(0))
    with pytest.raises(DataError, match="so dense that every corruption of a validation triple is a fact"):
        LinkPredictor(model, graph).probabilities([("0", "0", "1")])


def test_a_model_that_knows_nothing_says_one_half(graph: KnowledgeGraph) -> None:
    model = DistMult(200, 2, 2)
    model.entities.zero_()
    model.relations.zero_()
    assert LinkPredictor(model, graph).probabilities([("0", "0", "1")]) == [pytest.approx(0.5)]
