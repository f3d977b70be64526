"""KnowledgeGraph -> a smaller KnowledgeGraph on which many configurations can be tried cheaply."""

from __future__ import annotations

import numpy as np

from kgtuner.errors import ConfigError
from kgtuner.graph import KnowledgeGraph
from kgtuner.registry import lookup
from kgtuner.subgraph.induced import MIN_VALID_TRIPLES, Subgraph, induced_subgraph
from kgtuner.subgraph.k_core import k_core
from kgtuner.subgraph.pagerank import pagerank_nodes
from kgtuner.subgraph.random_edges import random_edges
from kgtuner.subgraph.random_walk import EntitySampler, random_walk

__all__ = ["MIN_VALID_TRIPLES", "SUBGRAPH_SAMPLERS", "Subgraph", "sample_subgraph"]

SUBGRAPH_SAMPLERS: dict[str, EntitySampler] = {
    "random_walk": random_walk,
    "k_core": k_core,
    "pagerank_nodes": pagerank_nodes,
    "random_edges": random_edges,
}


def sample_subgraph(
    graph: KnowledgeGraph,
    ratio: float = 0.2,
    starts: int = 10,
    seed: int = 0,
    method: str = "random_walk",
    *,
    min_valid_triples: int = MIN_VALID_TRIPLES,
) -> Subgraph:
    """Sample a share of the entities and take what the train triples induce on them.

    Args:
        ratio: share of the entities to visit, in (0, 1].
        starts: entities that the sampler starts from.
        seed: of the sampling and of the subgraph's own split.
        method: a name in SUBGRAPH_SAMPLERS.
        min_valid_triples: validation triples below which the subgraph is refused.

    Raises:
        ConfigError: for a ratio, a number of starts or a method that does not exist.
        DataError: if the subgraph is too small to compare configurations on.
    """
    if not 0 < ratio <= 1:
        raise ConfigError(f"ratio must be above 0 and at most 1, got {ratio}")
    if starts < 1:
        raise ConfigError(f"starts must be at least 1, got {starts}")
    sampler = lookup("subgraph sampler", method, SUBGRAPH_SAMPLERS)
    visited = sampler(graph, ratio=ratio, starts=starts, rng=np.random.default_rng(seed))
    return induced_subgraph(
        graph,
        visited,
        ratio=ratio,
        starts=starts,
        seed=seed,
        method=method,
        min_valid_triples=min_valid_triples,
    )
