"""kgtuner.subgraph.k_core."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest

from kgtuner.errors import DataError
from kgtuner.graph import KnowledgeGraph
from kgtuner.subgraph.k_core import core_numbers, k_core
from kgtuner.subgraph.random_walk import undirected_neighbours


def random_graph(n: int, edges: int, seed: int) -> KnowledgeGraph:
    rng = np.random.default_rng(seed)
    triples = np.column_stack(
        [rng.integers(n, size=edges), np.zeros(edges, int), rng.integers(n, size=edges)]
    )
    return KnowledgeGraph.from_arrays(triples, triples[:1], triples[:1], [f"e{i}" for i in range(n)])


@pytest.mark.parametrize("seed", range(5))
def test_core_numbers_agree_with_networkx(seed: int) -> None:
    graph = random_graph(60, 150, seed)
    plain = nx.Graph((h, t) for h, _, t in graph.train.tolist() if h != t)
    plain.add_nodes_from(range(60))
    expected = nx.core_number(plain)
    assert core_numbers(*undirected_neighbours(graph)).tolist() == [expected[i] for i in range(60)]


def test_the_largest_core_that_fits_is_taken() -> None:
    # A clique of five with a tail of five: the 4-core has 5 of 10 entities, the 1-core all.
    clique = [(i, 0, j) for i in range(5) for j in range(i)]
    tail = [(i, 0, i + 1) for i in range(4, 9)]
    graph = KnowledgeGraph.from_arrays([*clique, *tail], [(0, 0, 1)], [(0, 0, 1)])
    rng = np.random.default_rng(0)
    assert k_core(graph, ratio=0.5, starts=1, rng=rng).tolist() == [0, 1, 2, 3, 4]
    assert k_core(graph, ratio=0.9, starts=1, rng=rng).tolist() == [0, 1, 2, 3, 4]
    assert len(k_core(graph, ratio=1.0, starts=1, rng=rng)) == 10
    with pytest.raises(DataError, match="the innermost core of graph has 5 entities, more than 40% of all"):
        k_core(graph, ratio=0.4, starts=1, rng=rng)


def test_a_graph_of_self_loops_has_no_core() -> None:
    graph = KnowledgeGraph.from_arrays([(0, 0, 0)], [(0, 0, 0)], [(0, 0, 0)])
    with pytest.raises(DataError, match="no core"):
        k_core(graph, ratio=0.5, starts=1, rng=np.random.default_rng(0))
