"""What a user may give as a graph."""

from __future__ import annotations

from pathlib import Path

from kgtuner.graph.catalog import resolve_graph
from kgtuner.graph.knowledge_graph import KnowledgeGraph

GraphLike = KnowledgeGraph | str | Path


def as_graph(graph: GraphLike, seed: int) -> KnowledgeGraph:
    """The graph, or the one of that name or path; a single file is split with the seed."""
    return graph if isinstance(graph, KnowledgeGraph) else resolve_graph(str(graph), seed=seed)
