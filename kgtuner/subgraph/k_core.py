"""k-cores: what is left when entities with fewer than k neighbours are removed until none has fewer.

Source: GraSH, Kochsiek et al. (2022), https://arxiv.org/abs/2207.04979, section 3; cores by Batagelj and
Zaversnik (2003), https://arxiv.org/abs/cs/0310049.
"""

from __future__ import annotations

import math

import numpy as np

from kgtuner.errors import DataError
from kgtuner.graph import KnowledgeGraph
from kgtuner.subgraph.random_walk import undirected_neighbours
from kgtuner.types import IntArray


def k_core(graph: KnowledgeGraph, *, ratio: float, starts: int, rng: np.random.Generator) -> IntArray:
    """The entities of the largest core with at most `ratio` of all entities.

    A core has no size of its own to choose, so the share may be well below what was asked for. `starts` and
    `rng` are not used: there is one core for each k.

    Returns:
        (n,) int64, ascending.

    Raises:
        DataError: if even the innermost core has more entities.
    """
    numbers = core_numbers(*undirected_neighbours(graph))
    if not len(numbers) or not numbers.max():
        raise DataError(f"{graph.name} has no train triple between two different entities, so no core")
    target = max(2, math.ceil(ratio * graph.n_entities))
    for k in range(1, int(numbers.max()) + 1):
        entities = np.flatnonzero(numbers >= k)
        if len(entities) <= target:
            return entities
    raise DataError(
        f"the innermost core of {graph.name} has {len(entities)} entities, more than {ratio:.0%} of all; "
        "use a larger ratio or random walks"
    )


def core_numbers(offsets: IntArray, neighbours: IntArray) -> IntArray:
    """(n,) the largest k for which each entity lies in the k-core.

    Args:
        offsets, neighbours: as `undirected_neighbours` gives them.
    """
    degrees = np.diff(offsets).astype(np.int64)
    numbers = np.zeros(len(degrees), dtype=np.int64)
    alive = np.ones(len(degrees), dtype=np.bool_)
    k = 0
    while alive.any():
        k = max(k, int(degrees[alive].min()))
        leaving = np.flatnonzero(alive & (degrees <= k))
        while len(leaving):  # a wave of removals may pull others below k
            numbers[leaving] = k
            alive[leaving] = False
            touched = np.concatenate([neighbours[offsets[i] : offsets[i + 1]] for i in leaving.tolist()])
            degrees -= np.bincount(touched, minlength=len(degrees))
            leaving = np.flatnonzero(alive & (degrees <= k))
    return numbers
