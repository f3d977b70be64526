"""Multi-start random walk: entities that hang together, from several places of the graph.

Source: section 4.2 of "Efficient Hyper-parameter Search for Knowledge Graph Embedding" (ACL 2022),
https://arxiv.org/abs/2205.02460. With one start it is the single-start walk the paper compares with.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Protocol

import numpy as np

from kgtuner.errors import DataError
from kgtuner.graph import KnowledgeGraph
from kgtuner.types import IntArray

PATIENCE = 100  # steps after which a walk is asked what it found
MIN_NEW = 2  # new entities it must have found by then, or it jumps


class EntitySampler(Protocol):
    def __call__(
        self, graph: KnowledgeGraph, *, ratio: float, starts: int, rng: np.random.Generator
    ) -> IntArray:
        """Ascending ids of about `ratio` of the entities."""
        ...


def random_walk(graph: KnowledgeGraph, *, ratio: float, starts: int, rng: np.random.Generator) -> IntArray:
    """Visit `ratio` of the entities by walks over the train triples, blind to direction and relation.

    Each of `starts` walks goes on until its share of the target is visited. A walk that finds fewer
    than 2 new entities in 100 steps jumps to a random entity, here always one not visited yet: at
    small ratios nearly the same, and at large ones the reason why the walk ends.

    Entities without a neighbour in train are never visited, so a ratio near 1 may stay below its target.

    Returns:
        (n,) int64, ascending.
    """
    offsets, neighbours = undirected_neighbours(graph)
    degrees = np.diff(offsets)
    reachable = np.flatnonzero(degrees)
    if not len(reachable):
        raise DataError(f"{graph.name} has no train triple between two different entities to walk along")
    target = min(max(math.ceil(ratio * graph.n_entities), 2), len(reachable))
    starts = min(starts, target)
    # Plain Python indexing is several times faster on memoryviews than on arrays, and copies nothing.
    first, last = offsets[:-1].data, offsets[1:].data
    ends = neighbours.data
    visited = bytearray(graph.n_entities)
    fresh = (entity for entity in rng.permutation(reachable).tolist() if not visited[entity])
    uniform = _uniform(rng)
    found = 0
    for walk in range(starts):
        share = target * (walk + 1) // starts  # visited by this walk and those before it
        if found >= share:
            continue
        here = next(fresh)
        visited[here] = 1
        found += 1
        found_before, steps = found, 0
        while found < share:
            low = first[here]
            here = ends[low + int(next(uniform) * (last[here] - low))]
            if not visited[here]:
                visited[here] = 1
                found += 1
            steps += 1
            if steps == PATIENCE:
                if found - found_before < MIN_NEW and found < share:
                    here = next(fresh)
                    visited[here] = 1
                    found += 1
                found_before, steps = found, 0
    return np.flatnonzero(np.frombuffer(visited, dtype=np.uint8))


def undirected_neighbours(graph: KnowledgeGraph) -> tuple[IntArray, IntArray]:
    """CSR of the train triples without direction, relation, repetition and self-loops.

    Returns:
        offsets: (n_entities + 1,) int64.
        neighbours: entity i is next to neighbours[offsets[i]:offsets[i + 1]], ascending.
    """
    n = graph.n_entities
    heads, tails = graph.train[:, 0], graph.train[:, 2]
    codes = np.concatenate([heads * n + tails, tails * n + heads])
    codes.sort()
    keep = np.ones(len(codes), dtype=np.bool_)
    np.not_equal(codes[1:], codes[:-1], out=keep[1:])
    keep &= codes % (n + 1) != 0  # a self-loop is i * n + i
    codes = codes[keep]
    offsets = np.zeros(n + 1, dtype=np.int64)
    np.cumsum(np.bincount(codes // max(n, 1), minlength=n), out=offsets[1:])
    np.remainder(codes, max(n, 1), out=codes)
    return offsets, codes


def _uniform(rng: np.random.Generator) -> Iterator[float]:
    while True:
        yield from rng.random(65_536).tolist()
