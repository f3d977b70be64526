"""kgtuner.subgraph.random_edges."""

from __future__ import annotations

import numpy as np
import pytest

from kgtuner.errors import DataError
from kgtuner.graph import KnowledgeGraph
from kgtuner.subgraph.random_edges import random_edges


def pairs(n: int) -> KnowledgeGraph:
    """n triples that share no entity: 0 with 1, 2 with 3, …"""
    train = [(2 * i, 0, 2 * i + 1) for i in range(n)]
    return KnowledgeGraph.from_arrays(train, [train[0]], [train[0]], [f"e{i}" for i in range(2 * n)])


@pytest.mark.parametrize("ratio", [0.1, 0.5, 1.0])
def test_both_ends_of_a_triple_come_together(ratio: float) -> None:
    drawn = random_edges(pairs(100), ratio=ratio, starts=1, rng=np.random.default_rng(0)).tolist()
    assert len(drawn) == 200 * ratio
    assert drawn == sorted({end for entity in drawn for end in (entity, entity ^ 1)})


def test_triples_are_drawn_alike() -> None:
    seen = np.zeros(20)
    for seed in range(500):
        seen[random_edges(pairs(10), ratio=0.1, starts=1, rng=np.random.default_rng(seed))] += 1
    assert seen.min() > 25  # 50 on average, with a deviation of 7
    assert seen.max() < 80


def test_a_share_that_ends_within_a_triple_takes_one_of_its_ends() -> None:
    assert len(random_edges(pairs(10), ratio=0.15, starts=1, rng=np.random.default_rng(0))) == 3


def test_self_loops_are_no_edges() -> None:
    loops = KnowledgeGraph.from_arrays([(0, 0, 0)], [(0, 0, 0)], [(0, 0, 0)])
    with pytest.raises(DataError, match="no train triple between two different entities"):
        random_edges(loops, ratio=0.5, starts=1, rng=np.random.default_rng(0))
