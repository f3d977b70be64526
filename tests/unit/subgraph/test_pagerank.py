"""kgtuner.subgraph.pagerank."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest

from kgtuner.errors import DataError
from kgtuner.graph import KnowledgeGraph
from kgtuner.subgraph.pagerank import pagerank, pagerank_nodes
from kgtuner.subgraph.random_walk import undirected_neighbours

Rows = list[tuple[int, int, int]]


def graph_of(train: Rows, n_entities: int) -> KnowledgeGraph:
    entities = [f"e{i}" for i in range(n_entities)]
    return KnowledgeGraph.from_arrays(train, [train[0]], [train[0]], entities)


def star(n: int) -> KnowledgeGraph:
    """Entity 0 next to all others but the last, which has no triple."""
    return graph_of([(0, 0, i) for i in range(1, n - 1)], n)


@pytest.mark.parametrize("seed", range(5))
def test_scores_agree_with_networkx(seed: int) -> None:
    rng = np.random.default_rng(seed)
    train = [(int(h), 0, int(t)) for h, t in rng.integers(40, size=(70, 2))]
    plain = nx.Graph((h, t) for h, _, t in train if h != t)
    plain.add_nodes_from(range(40))
    expected = nx.pagerank(plain, alpha=0.85, tol=1e-10)
    scores = pagerank(*undirected_neighbours(graph_of(train, 40)))
    assert scores == pytest.approx([expected[i] for i in range(40)], abs=1e-6)


@pytest.mark.parametrize("ratio", [0.1, 0.5, 0.9])
def test_exactly_the_asked_share_is_drawn_and_nobody_twice(ratio: float) -> None:
    drawn = pagerank_nodes(star(101), ratio=ratio, starts=1, rng=np.random.default_rng(0)).tolist()
    assert len(drawn) == len(set(drawn)) == np.ceil(ratio * 101)
    assert drawn == sorted(drawn)


def test_an_entity_is_drawn_as_often_as_its_score_says() -> None:
    graph = star(102)
    draws = [
        pagerank_nodes(graph, ratio=0.01, starts=1, rng=np.random.default_rng(seed)).tolist()
        for seed in range(400)
    ]
    # The middle of a star has nearly half of all: in two draws without replacement it is among them for 70%.
    assert 0.6 < np.mean([0 in drawn for drawn in draws]) < 0.8
    assert not any(101 in drawn for drawn in draws)  # nobody is next to it


def test_a_graph_of_self_loops_has_nobody_to_draw() -> None:
    with pytest.raises(DataError, match="no train triple between two different entities"):
        pagerank_nodes(graph_of([(0, 0, 0)], 1), ratio=0.5, starts=1, rng=np.random.default_rng(0))
