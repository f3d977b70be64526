"""A split in all its parts: overall, per direction, per relation, per category."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch

from kgtuner.errors import RunError
from kgtuner.evaluation.evaluator import (
    Evaluation,
    Sample,
    evaluate_split,
    validation_metrics,
    validation_sample,
)
from kgtuner.evaluation.ranks import Ranks, rank_triples
from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.models import MODELS, Model
from kgtuner.types import SPLITS

RNG = np.random.default_rng(3)


def graph() -> KnowledgeGraph:
    """One relation to the next entity on a ring (1-1) and one to everybody's centre (N-1)."""
    ring = [[i, 0, (i + 1) % 10] for i in range(10)]
    centre = [[i, 1, 10] for i in range(9)]
    train = ring[:8] + centre[:6]
    return KnowledgeGraph.from_arrays(
        train, [ring[8], centre[6], centre[7]], [ring[9], centre[8]], relations=("next", "centre")
    )


def made(given: KnowledgeGraph) -> Model:
    model = MODELS["complex"](given.n_entities, given.n_relations, 6, initializer="normal")
    model.initialize(torch.Generator().manual_seed(0))
    return model


def test_parts_add_up_to_the_whole() -> None:
    given = graph()
    evaluation = evaluate_split(made(given), given, "valid")
    overall = evaluation.overall
    assert overall.count == 2 * len(given.valid)
    assert set(evaluation.by_direction) == {"tail", "head"}
    assert {name: part.count for name, part in evaluation.by_relation.items()} == {"next": 2, "centre": 4}
    for parts in (evaluation.by_direction, evaluation.by_relation, evaluation.by_category):
        assert sum(part.count for part in parts.values()) == overall.count
        assert sum(part.mrr * part.count for part in parts.values()) == pytest.approx(
            overall.mrr * overall.count
        )
    assert {name: part.count for name, part in evaluation.by_category.items()} == {"1-1": 2, "N-1": 4}


def test_directions_are_told_apart() -> None:
    given = graph()
    model = made(given)
    with torch.no_grad():  # an entity that answers everything, so that (?, centre, 10) is the hard direction
        model.entities[:] = 0.01
        model.entities[10, :3] = 5.0
        model.relations[:] = 0.0
        model.relations[:, :3] = 1.0
    evaluation = evaluate_split(model, given, "valid")
    centre = evaluation.by_relation["centre"]
    assert centre.count == 4
    tail, head = evaluation.by_direction["tail"], evaluation.by_direction["head"]
    assert tail.mrr > head.mrr
    assert tail.hits_at_1 == pytest.approx(2 / 3)  # both (h, centre, ?), not (8, next, ?)


def test_test_triples_are_left_out_of_the_ranking_of_valid() -> None:
    train = [[0, 0, 1], [1, 0, 2], [2, 0, 3], [3, 0, 0]]
    with_test = KnowledgeGraph.from_arrays(train, [[0, 0, 2]], [[0, 0, 3]])
    model = MODELS["distmult"](4, 1, 1)
    with torch.no_grad():
        model.entities[:, 0] = torch.tensor([1.0, 2.0, 3.0, 4.0])
        model.relations[:] = 1.0
    # Asked for (0, 0, ?): 3 scores best and is in test, 2 is the answer, 1 is in train, 0 is last.
    assert evaluate_split(model, with_test, "valid").by_direction["tail"].mean_rank == 1.0


def test_evaluation_is_plain_values() -> None:
    given = graph()
    mapping = json.loads(json.dumps(evaluate_split(made(given), given, "test").to_mapping()))
    assert mapping["split"] == "test"
    assert mapping["count"] == 4
    assert mapping["by_direction"]["head"]["count"] == 2


def test_model_of_another_graph_is_refused() -> None:
    given = graph()
    with pytest.raises(RunError, match="made for 3 entities and 1 relations, but graph has 11 and 2"):
        evaluate_split(MODELS["distmult"](3, 1, 2), given, "valid")


def test_constant_model_gets_the_mean_rank() -> None:
    given = graph()
    model = made(given)
    with torch.no_grad():
        model.entities.zero_()
    evaluation = evaluate_split(model, given, "test")
    assert evaluation.overall.adjusted_mean_rank_index == pytest.approx(0)


def test_validation_metrics_are_those_of_the_split() -> None:
    given = graph()
    model = made(given)
    assert validation_metrics(model, given, given.valid) == evaluate_split(model, given, "valid").overall


def test_validation_sample_is_fixed_by_its_seed_and_comes_from_valid() -> None:
    triples = RNG.integers([50, 1, 50], size=(300, 3))
    given = KnowledgeGraph.from_arrays(triples[:200], triples[200:], triples[:5])
    sample = validation_sample(given, 20, seed=0)
    assert sample.tolist() == validation_sample(given, 20, seed=0).tolist()
    assert sample.tolist() != validation_sample(given, 20, seed=1).tolist()
    assert len(sample) == 20
    assert {tuple(t) for t in sample.tolist()} <= {tuple(t) for t in given.valid.tolist()}
    assert validation_sample(given, None, 0) is given.valid
    assert validation_sample(given, 100, 0) is given.valid


def test_an_evaluation_shows_itself_as_a_table_with_its_texts_escaped() -> None:
    given = graph()
    found = evaluate_split(made(given), given, "valid")
    shown = dataclasses.replace(found, split="<valid>")._repr_html_()
    assert "<b>&lt;valid&gt;</b>" in shown
    assert "<th></th><th>both directions</th><th>tails</th><th>heads</th>" in shown
    assert (
        "<tr><th>count</th><td>6</td><td>3</td><td>3</td></tr>" in shown
    )  # three triples, in both directions
    assert f"<tr><th>mrr</th><td>{found.overall.mrr:.4g}</td>" in shown


def random_graph() -> KnowledgeGraph:
    """200 entities, 900 different triples, 600 of them in test."""
    rng = np.random.default_rng(0)
    triples = np.unique(rng.integers([200, 3, 200], size=(1_200, 3)), axis=0)
    triples = rng.permutation(triples)[:900]
    train = np.concatenate([triples[:290], [[i, 0, i] for i in range(200)]])
    return KnowledgeGraph.from_arrays(train, triples[290:300], triples[300:])


def test_a_sample_estimates_the_whole_split_as_well_as_it_says() -> None:
    given = random_graph()
    model = made(given)
    whole = evaluate_split(model, given, "test")
    assert whole.sample is None
    samples = [evaluate_split(model, given, "test", size=100, seed=seed) for seed in range(60)]
    off = np.array([one.overall.mrr - whole.overall.mrr for one in samples])
    told = np.array([one.sample.standard_error for one in samples if one.sample is not None])
    assert len(told) == 60
    assert np.sqrt((off**2).mean()) == pytest.approx(np.sqrt((told**2).mean()), rel=0.3)
    assert {one.overall.count for one in samples} == {200}


def test_a_sample_is_fixed_by_its_seed_and_survives_as_plain_values() -> None:
    given = random_graph()
    model = made(given)
    one = evaluate_split(model, given, "test", size=100, seed=7)
    assert evaluate_split(model, given, "test", size=100, seed=7) == one
    assert evaluate_split(model, given, "test", size=100, seed=8) != one
    assert Evaluation.from_mapping(json.loads(json.dumps(one.to_mapping()))) == one
    assert "sample" not in evaluate_split(model, given, "test").to_mapping()
    assert "a random sample of 100 of the 600 triples was ranked" in one._repr_html_()


def test_the_error_of_a_sample_is_that_of_its_triples_and_none_is_left_when_all_are_drawn() -> None:
    # Mean reciprocal ranks of the triples: 1 and 1/2; their standard deviation is 1 / sqrt(8).
    tail, head = (Ranks(np.array(ranks), np.full(2, 10)) for ranks in ([1.0, 2.0], [1.0, 2.0]))
    assert Sample.of_ranks(tail, head, 4).standard_error == pytest.approx(
        1 / np.sqrt(8) / np.sqrt(2) * np.sqrt(1 / 2)
    )
    assert Sample.of_ranks(tail, head, 2).standard_error == 0


def test_relations_and_categories_have_the_ranks_of_their_own_triples() -> None:
    given = graph()  # valid: next, centre, centre
    model = made(given)
    tail, head = rank_triples(model, given.valid, given.known_answers(SPLITS), given.n_relations)
    evaluation = evaluate_split(model, given, "valid")
    for relation, category, chosen in (("next", "1-1", slice(0, 1)), ("centre", "N-1", slice(1, 3))):
        own = np.concatenate([tail.rank[chosen], head.rank[chosen]])
        for part in (evaluation.by_relation[relation], evaluation.by_category[category]):
            assert part.mean_rank == pytest.approx(own.mean())
            assert part.mrr == pytest.approx((1 / own).mean())
