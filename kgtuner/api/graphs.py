"""What a user may give as a graph."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from kgtuner.graph.catalog import resolve_graph
from kgtuner.graph.knowledge_graph import KnowledgeGraph


class OGBDataset(Protocol):
    """What is used of a data set object of the package `ogb`: where its files are."""

    root: str


GraphLike = KnowledgeGraph | str | Path | OGBDataset

log = logging.getLogger(__name__)


def as_graph(graph: GraphLike, seed: int, on_note: Callable[[str], None] = log.warning) -> KnowledgeGraph:
    """The graph, or the one of that name or path; a single file is split with the seed, `on_note` hears how.

    Of OGB's `LinkPropPredDataset` its folder is taken: what the object has read is read again, by our means.
    """
    if isinstance(graph, KnowledgeGraph):
        return graph
    if any(kind.__module__.startswith("ogb.") for kind in type(graph).__mro__):
        return resolve_graph(str(Path(graph.root).resolve()), seed=seed, on_note=on_note)  # type: ignore[union-attr]
    return resolve_graph(str(graph), seed=seed, on_note=on_note)
