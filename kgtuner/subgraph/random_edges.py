"""Random edges: the entities of triples that are drawn one by one.

Source: "random edge" of Leskovec and Faloutsos (2006), https://doi.org/10.1145/1150402.1150479, section 3.2, which
"Efficient Hyper-parameter Search for Knowledge Graph Embedding" (ACL 2022) compares its walk with.
"""

from __future__ import annotations

import math

import numpy as np

from kgtuner.errors import DataError
from kgtuner.graph import KnowledgeGraph
from kgtuner.types import IntArray


def random_edges(graph: KnowledgeGraph, *, ratio: float, starts: int, rng: np.random.Generator) -> IntArray:
    """Heads and tails of train triples in random order, until `ratio` of the entities are together.

    What is trained on is all that the train triples induce on them, as for the other samplers. `starts` is not used.

    Returns:
        (n,) int64, ascending.

    Raises:
        DataError: if no train triple is between two different entities.
    """
    edges = graph.train[graph.train[:, 0] != graph.train[:, 2]]
    if not len(edges):
        raise DataError(f"{graph.name} has no train triple between two different entities to draw")
    met = rng.permutation(edges)[:, [0, 2]].reshape(-1)
    entities, first = np.unique(met, return_index=True)
    target = max(math.ceil(ratio * graph.n_entities), 2)
    return np.sort(entities[np.argsort(first)[:target]])
