"""Ranks among given answers: by hand, against OGB's evaluator, and against the definition of every model."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from kgtuner.errors import Diverged, RunError
from kgtuner.evaluation import given_negatives
from kgtuner.evaluation.evaluator import (
    FINAL_GIVEN,
    evaluate_split,
    final_rows,
    metrics_of_rows,
    sampled_rows,
    validation_rows,
)
from kgtuner.evaluation.given_negatives import (
    official_metrics,
    rank_given,
    ranks_among,
)
from kgtuner.graph.catalog import resolve_graph
from kgtuner.graph.given_negatives import GivenNegatives
from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.graph.ogb.official import without_look_for_newer_version
from kgtuner.models import MODELS, Model


@pytest.fixture(params=["ogbl-wikikg2", "ogbl-biokg"])
def graph(
    request: pytest.FixtureRequest,
    ogb_folders: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> KnowledgeGraph:
    monkeypatch.setenv("KGTUNER_CACHE", str(tmp_path))
    return resolve_graph(str(ogb_folders[request.param]))


def model_for(graph: KnowledgeGraph, name: str = "complex") -> Model:
    model = MODELS[name](graph.n_entities, graph.n_relations, 40)
    model.initialize(torch.Generator().manual_seed(0))
    return model.eval()


def test_ties_stand_at_their_mean_rank() -> None:
    negative = torch.tensor([[0.9, 0.5, 0.5, 0.1], [0.0, 0.0, 0.0, 0.0]])
    # Above it one, equal to it two: places 2, 3 and 4, in the mean 3; alone at the top: 1.
    assert ranks_among(torch.tensor([0.5, 1.0]), negative).tolist() == [3.0, 1.0]


@pytest.mark.parametrize("name", MODELS)
def test_ranks_are_those_of_the_definition(name: str, graph: KnowledgeGraph) -> None:
    model, given = model_for(graph, name), graph.given["valid"]
    rows = np.array([3, 0, 41])
    triples = graph.valid[rows]
    tail, head = rank_given(model, triples, given, rows, graph.n_relations)
    for i, row in enumerate(rows.tolist()):
        h, r, t = triples[i].tolist()
        for ranks, asked, relation, answer, false in (
            (tail, h, r, t, given.tails[row]),
            (head, t, r + graph.n_relations, h, given.heads[row]),
        ):
            query = model.encode(torch.tensor([asked]), torch.tensor([relation]))
            with torch.no_grad():
                scores = model.score_candidates(query, model.entities)[0].double()
            above = sum(bool(scores[e] > scores[answer] + 1e-9) for e in false)
            equal = sum(bool((scores[e] - scores[answer]).abs() <= 1e-9) for e in false)
            assert ranks.rank[i] == pytest.approx(1 + above + equal / 2, abs=0.5)
            assert ranks.candidates[i] == given.count + 1


def test_our_batched_path_equals_ogbs_evaluator(graph: KnowledgeGraph) -> None:
    with without_look_for_newer_version():
        from ogb.linkproppred import Evaluator
    name = "ogbl-wikikg2" if graph.types is None else "ogbl-biokg"
    model, given, triples = model_for(graph), graph.given["test"], graph.test
    with torch.no_grad():
        model.entities[::3] = model.entities[0]  # many ties
        found = metrics_of_rows_of_test(model, graph)
        lists: dict[str, list[torch.Tensor]] = {}
        for asked, answer, shift, false in (
            (0, 2, 0, given.tails),
            (2, 0, graph.n_relations, given.heads),
        ):
            query = model.encode(torch.tensor(triples[:, asked]), torch.tensor(triples[:, 1] + shift))
            ids = torch.tensor(np.column_stack((triples[:, answer], false))).long()
            scores = model.score_candidates(query, model.entities[ids])
            judged = Evaluator(name).eval({"y_pred_pos": scores[:, 0], "y_pred_neg": scores[:, 1:]})
            for key, values in judged.items():
                lists.setdefault(key, []).append(values)
    theirs = {key: float(torch.cat(values).double().mean()) for key, values in lists.items()}
    assert found.mrr == pytest.approx(theirs["mrr_list"], abs=1e-6)
    assert found.hits_at_1 == pytest.approx(theirs["hits@1_list"], abs=1e-6)
    assert found.hits_at_10 == pytest.approx(theirs["hits@10_list"], abs=1e-6)
    official = evaluate_split(model, graph, "test").overall
    assert official.mrr == pytest.approx(theirs["mrr_list"], abs=1e-7)
    assert official.count == 2 * len(triples)


def metrics_of_rows_of_test(model: Model, graph: KnowledgeGraph) -> given_negatives.Metrics:
    """What validation would say of the test split."""
    as_valid = KnowledgeGraph(
        "t",
        graph.entities,
        graph.relations,
        graph.train,
        graph.test,
        graph.test,
        graph.types,
        {"valid": graph.given["test"]},
    )
    return metrics_of_rows(model, as_valid, np.arange(len(graph.test)))


def test_a_disagreement_with_ogbs_evaluator_is_an_error(
    graph: KnowledgeGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    def optimistic(positive: torch.Tensor, negative: torch.Tensor) -> torch.Tensor:
        return 1 + (negative > positive[:, None]).sum(1).double()

    monkeypatch.setattr(given_negatives, "ranks_among", optimistic)
    model = model_for(graph)
    with torch.no_grad():
        model.entities.zero_()
    with pytest.raises(RunError, match=r"OGB's evaluator says mrr 0\.\d+, our own count 1\.0"):
        official_metrics(model, graph.test, graph.given["test"], graph.n_relations)


def test_a_score_that_is_not_finite_raises(graph: KnowledgeGraph) -> None:
    model = model_for(graph)
    with torch.no_grad():
        model.entities[int(graph.valid[5, 0])] = float("nan")
    with pytest.raises(Diverged, match="not finite"):
        metrics_of_rows(model, graph, np.arange(len(graph.valid)))


def test_rows_of_a_sample_meet_their_own_false_answers(graph: KnowledgeGraph) -> None:
    model = model_for(graph)
    rows = validation_rows(graph, 20, seed=3)
    assert len(rows) == 20
    assert (np.diff(rows) > 0).all()
    given = graph.given["valid"]
    tail, _ = rank_given(model, graph.valid, given, np.arange(len(graph.valid)), graph.n_relations)
    some, _ = rank_given(model, graph.valid[rows], given, rows, graph.n_relations)
    assert some.rank.tolist() == tail.rank[rows].tolist()


def test_a_finished_training_is_judged_by_a_sample_where_all_would_take_minutes() -> None:
    n = FINAL_GIVEN + 5
    triples = np.zeros((n, 3), dtype=np.int64)
    ids = np.zeros((n, 2), dtype=np.int32)
    parts = ("g", ("a",), ("r",), triples[:1], triples, triples[:1])
    given = KnowledgeGraph(*parts, None, {"valid": GivenNegatives.of(ids, ids)})
    assert len(final_rows(given, 100, 0)) == FINAL_GIVEN
    assert len(final_rows(KnowledgeGraph(*parts), 100, 0)) == n


@pytest.mark.slow
def test_importing_ogb_starts_no_thread_that_asks_the_network() -> None:
    code = (
        "import sys, threading\n"
        "from kgtuner.evaluation.given_negatives import _official_evaluator\n"
        "import kgtuner.tuning.running\n"
        "assert 'ogb' not in sys.modules\n"  # only where its evaluator is asked for
        "_official_evaluator()\n"
        "assert threading.active_count() == 1, threading.enumerate()\n"
        "assert 'outdated' not in sys.modules\n"
        "import outdated\n"  # and it is there for others
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_sample_of_test_is_ranked_among_the_answers_given_for_its_rows(graph: KnowledgeGraph) -> None:
    model, n = model_for(graph), len(graph.test)
    some = evaluate_split(model, graph, "test", size=n - 20, seed=3)
    rows = sampled_rows(n, n - 20, 3)
    tail, head = rank_given(model, graph.test[rows], graph.given["test"], rows, graph.n_relations)
    assert some.overall.mrr == pytest.approx((1 / np.concatenate([tail.rank, head.rank])).mean())
    assert some.sample is not None
    assert (some.sample.ranked, some.sample.of) == (n - 20, n)
