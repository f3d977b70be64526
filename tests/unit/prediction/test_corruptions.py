from __future__ import annotations

import numpy as np
import pytest

from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.prediction.corruptions import REPEATS, corrupt
from kgtuner.types import SPLITS


@pytest.fixture
def graph() -> KnowledgeGraph:
    """People 0-39 live in towns 40-49 (relation 0), and know each other (relation 1)."""
    rng = np.random.default_rng(0)
    people = np.arange(40)
    lives = np.column_stack([people, np.zeros(40, int), 40 + people % 10])
    knows = np.unique(
        np.column_stack([rng.integers(0, 40, 60), np.ones(60, int), rng.integers(0, 40, 60)]), axis=0
    )
    both = np.concatenate([lives, knows])
    valid = np.concatenate([lives[::8], knows[::8]])
    return KnowledgeGraph.from_arrays(both, valid, valid[:3])


def test_a_corruption_has_one_other_entity_and_is_no_fact(graph: KnowledgeGraph) -> None:
    made, origin = corrupt(graph, graph.valid, seed=0)
    assert len(made) == 4 * REPEATS * len(graph.valid)
    differs = made != graph.valid[origin]
    assert (differs.sum(1) == 1).all()
    assert not differs[:, 1].any()
    assert differs[:, 0].sum() == differs[:, 2].sum()  # heads as often as tails
    facts = {tuple(row) for split in SPLITS for row in graph.split(split).tolist()}
    assert not facts & {tuple(row) for row in made.tolist()}


def test_half_of_the_corruptions_stay_in_the_observed_domain_and_range(graph: KnowledgeGraph) -> None:
    lives = graph.valid[graph.valid[:, 1] == 0]
    many = np.repeat(lives, 200, axis=0)
    made, origin = corrupt(graph, many, seed=0)
    tails = made[made[:, 2] != many[origin, 2], 2]
    # All of the typed half are towns, and of the other half those 9 of 49 entities that are another town.
    assert (tails >= 40).mean() == pytest.approx(0.5 + 0.5 * 9 / 49, abs=0.02)


def test_where_every_draw_is_a_fact_there_is_no_corruption() -> None:
    full = [(h, 0, t) for h in range(3) for t in range(3)]
    graph = KnowledgeGraph.from_arrays(full, [(0, 0, 1)], [(1, 0, 2)])
    made, origin = corrupt(graph, graph.valid, seed=0)
    assert made.shape == (0, 3)
    assert origin.shape == (0,)


def test_the_seed_decides(graph: KnowledgeGraph) -> None:
    one, same, other = (corrupt(graph, graph.valid, seed)[0] for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_a_fact_that_is_held_out_is_no_corruption() -> None:
    # All pairs of 0-2 are facts, and only what is in train would be missed by a look at train alone.
    train, valid, test = [(0, 0, 1), (1, 0, 2), (2, 0, 0)], [(0, 0, 2), (1, 0, 0)], [(2, 0, 1), (0, 0, 0)]
    graph = KnowledgeGraph.from_arrays(train, valid, [*test, (1, 0, 1), (2, 0, 2)])
    made, _ = corrupt(graph, graph.valid, seed=0)
    assert made.shape == (0, 3)
