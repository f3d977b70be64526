from __future__ import annotations

import numpy as np
import pytest

from kgtuner.errors import DataError
from kgtuner.graph import KnowledgeGraph
from kgtuner.subgraph.random_walk import random_walk, undirected_neighbours

Rows = list[tuple[int, int, int]]


def graph_of(train: Rows, n_entities: int) -> KnowledgeGraph:
    entities = [f"e{i}" for i in range(n_entities)]
    return KnowledgeGraph.from_arrays(train, [train[0]], [train[0]], entities)


def ring(n: int) -> Rows:
    return [(i, 0, (i + 1) % n) for i in range(n)]


def walk(graph: KnowledgeGraph, ratio: float, starts: int = 1, seed: int = 0) -> list[int]:
    return random_walk(graph, ratio=ratio, starts=starts, rng=np.random.default_rng(seed)).tolist()


def test_neighbours_are_the_ones_worked_out_by_hand() -> None:
    # 0 -> 1 twice and back by other relations, 2 -> 0, a self-loop on 1, nobody next to 3.
    graph = graph_of([(0, 0, 1), (0, 1, 1), (1, 1, 0), (2, 0, 0), (1, 0, 1)], 4)
    offsets, neighbours = undirected_neighbours(graph)
    assert offsets.tolist() == [0, 2, 3, 4, 4]
    assert neighbours.tolist() == [1, 2, 0, 0]


def test_only_train_triples_are_walked() -> None:
    graph = KnowledgeGraph.from_arrays([(0, 0, 1)], [(1, 0, 2)], [(2, 0, 3)])
    assert undirected_neighbours(graph)[1].tolist() == [1, 0]
    assert walk(graph, ratio=1.0) == [0, 1]


@pytest.mark.parametrize("ratio", [0.1, 0.2, 0.5, 1.0])
@pytest.mark.parametrize("starts", [1, 3, 10])
def test_exactly_the_asked_share_of_the_entities_is_visited(ratio: float, starts: int) -> None:
    assert len(walk(graph_of(ring(200), 200), ratio, starts)) == round(200 * ratio)


def pieces(visited: list[int], n: int) -> int:
    """How many runs of neighbouring entities a visit of a ring consists of."""
    return sum((entity - 1) % n not in visited for entity in visited)


def test_one_start_on_a_ring_gives_one_piece_and_more_starts_give_more() -> None:
    # 8 of 4000 entities are found well before 100 steps bring fewer than 2 new ones for any of these seeds.
    graph = graph_of(ring(4000), 4000)
    assert [pieces(walk(graph, 0.002, starts=1, seed=seed), 4000) for seed in range(3)] == [1, 1, 1]
    assert [pieces(walk(graph, 0.002, starts=4, seed=seed), 4000) for seed in range(3)] == [4, 4, 4]


def test_each_start_visits_its_own_share() -> None:
    # Two rings of 100 that nothing connects. 10 entities from 2 starts: wherever both starts lie, the
    # walk visits 5 from each of them, so a ring has 0, 5 or 10 of them.
    graph = graph_of(ring(100) + [(h + 100, 0, t + 100) for h, _, t in ring(100)], 200)
    for seed in range(10):
        visited = np.array(walk(graph, 0.05, starts=2, seed=seed))
        assert (visited < 100).sum() in (0, 5, 10)


def test_a_walk_that_is_caught_jumps_out() -> None:
    # Fifty islands of two entities: no walk can find more than its own island without jumping.
    islands = [(2 * i, 0, 2 * i + 1) for i in range(50)]
    assert len(walk(graph_of(islands, 100), 0.5)) == 50


def test_starts_and_jumps_go_to_entities_that_have_a_neighbour() -> None:
    graph = graph_of([*ring(20), (30, 0, 30)], 100)
    assert set(walk(graph, 1.0, starts=5)) == set(range(20))


def test_the_seed_decides_where_the_walk_goes() -> None:
    graph = graph_of(ring(500), 500)
    assert walk(graph, 0.2, 5, seed=1) == walk(graph, 0.2, 5, seed=1) != walk(graph, 0.2, 5, seed=2)


def test_a_step_goes_to_every_neighbour_equally_often() -> None:
    # A star of 8: starting at a leaf the walk reaches the hub, then some other leaf. The second leaf
    # must be each of them now and then. 3 of 9 entities: leaf, hub, leaf, or hub and two leaves.
    star = graph_of([(0, 0, i) for i in range(1, 9)], 9)
    visits = np.bincount(np.concatenate([walk(star, 1 / 3, seed=seed) for seed in range(800)]), minlength=9)
    assert visits[0] == 800
    # 1600 leaf visits over 8 leaves: 200 each, standard deviation below 13.
    assert np.abs(visits[1:] - 200).max() < 60


def test_more_starts_than_the_target_are_no_problem() -> None:
    assert len(walk(graph_of(ring(50), 50), 0.1, starts=40)) == 5


def test_a_graph_of_self_loops_cannot_be_walked() -> None:
    with pytest.raises(DataError, match="no train triple between two different entities"):
        walk(graph_of([(0, 0, 0), (1, 0, 1)], 2), 0.5)
