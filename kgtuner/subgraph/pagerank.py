"""PageRank nodes: entities drawn with the probability that a random surfer is there.

Source: "random PageRank node" of Leskovec and Faloutsos (2006), https://doi.org/10.1145/1150402.1150479, section 3.1,
which "Efficient Hyper-parameter Search for Knowledge Graph Embedding" (ACL 2022) compares its walk with.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.sparse import csr_array

from kgtuner.errors import DataError
from kgtuner.graph import KnowledgeGraph
from kgtuner.subgraph.random_walk import undirected_neighbours
from kgtuner.types import FloatArray, IntArray

DAMPING = 0.85
TOLERANCE = 1e-6
"""Of the scores altogether, from one iteration to the next; 0.85 to the 100th is below it, so the loop ends."""


def pagerank_nodes(graph: KnowledgeGraph, *, ratio: float, starts: int, rng: np.random.Generator) -> IntArray:
    """`ratio` of the entities, drawn without replacement in proportion to their PageRank.

    As the walks, it is blind to direction and relation, and never takes an entity without a neighbour in train.
    `starts` is not used. They need not hang together: what keeps no triple is dropped later, so that a sparse graph's
    subgraph is smaller than that of a walk.

    Returns:
        (n,) int64, ascending.

    Raises:
        DataError: if no train triple is between two different entities.
    """
    offsets, neighbours = undirected_neighbours(graph)
    reachable = np.flatnonzero(np.diff(offsets))
    if not len(reachable):
        raise DataError(f"{graph.name} has no train triple between two different entities to rank them by")
    size = min(max(math.ceil(ratio * graph.n_entities), 2), len(reachable))
    scores = pagerank(offsets, neighbours)[reachable]
    return np.sort(rng.choice(reachable, size, replace=False, p=scores / scores.sum()))


def pagerank(offsets: IntArray, neighbours: IntArray) -> FloatArray:
    """(n,) how much of its time a surfer spends at each entity; they add up to 1.

    It follows a random triple with probability `DAMPING`, and else, or where there is none, goes anywhere.

    Args:
        offsets, neighbours: as `undirected_neighbours` gives them.
    """
    n = len(offsets) - 1
    degrees = np.diff(offsets)
    next_to = csr_array((np.ones(len(neighbours)), neighbours, offsets), shape=(n, n))
    scores, change = np.full(n, 1 / n), 1.0
    while change > TOLERANCE:
        # Symmetric: what leaves an entity along its row comes in along the others'.
        along = next_to @ (scores / np.maximum(degrees, 1))
        anywhere = 1.0 - DAMPING + DAMPING * scores[degrees == 0].sum()
        following = DAMPING * along + anywhere / n
        scores, change = following, float(np.abs(following - scores).sum())
    return scores
