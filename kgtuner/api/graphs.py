"""What a user may give as a graph."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from kgtuner.graph.catalog import resolve_graph
from kgtuner.graph.knowledge_graph import KnowledgeGraph

GraphLike = KnowledgeGraph | str | Path

log = logging.getLogger(__name__)


def as_graph(graph: GraphLike, seed: int, on_note: Callable[[str], None] = log.warning) -> KnowledgeGraph:
    """The graph, or the one of that name or path; a single file is split with the seed, `on_note` hears how."""
    if isinstance(graph, KnowledgeGraph):
        return graph
    return resolve_graph(str(graph), seed=seed, on_note=on_note)
