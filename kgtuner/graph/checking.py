"""Audit what a user has on disk: the graph as it is written, before anything is split off or left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from kgtuner.errors import DataError
from kgtuner.graph.audit import Finding, audit
from kgtuner.graph.catalog import DATASETS, resolve_graph
from kgtuner.graph.columns import Columns
from kgtuner.graph.formats import Reading, read_path, without_suffix
from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.graph.leak_policy import split_by_policy
from kgtuner.graph.leaks import THRESHOLD
from kgtuner.graph.name_trouble import doubtful_names
from kgtuner.graph.ogb.layout import is_ogb_folder


def check(
    spec: str, *, columns: Columns = None, threshold: float = THRESHOLD
) -> tuple[KnowledgeGraph, tuple[Finding, ...]]:
    """A graph with its own splits, all triples of a single file being train, and what is questionable about it.

    Args:
        spec: a data set's name, a folder or a file.
        columns: as in `KnowledgeGraph.from_path`.
        threshold: as in `audit`.

    Raises:
        ConfigError: if there is no such data set.
        DataError: if it cannot be read at all.
    """
    path = Path(spec).expanduser()
    if spec in DATASETS or (path.is_dir() and is_ogb_folder(path)):
        graph = resolve_graph(spec)
        return graph, (*audit(graph, threshold=threshold), *_names(graph))
    if not path.exists():
        resolve_graph(spec)  # says what is wrong with the name
    notes: list[str] = []
    entities, relations, splits = read_path(path, Reading(columns, on_note=notes.append))
    nothing = np.empty((0, 3), dtype=np.int64)
    name = path.resolve().name if path.is_dir() else without_suffix(path.resolve().name)
    parts = (splits["train"], splits.get("valid", nothing), splits.get("test", nothing))
    graph = KnowledgeGraph(name, entities, relations, *parts)
    findings = [*audit(graph, threshold=threshold), *_names(graph)]
    findings += (Finding("left_out", 1, (), note) for note in notes)
    if len(splits) == 1:
        findings += _when_split(graph)
    return graph, tuple(findings)


def _names(graph: KnowledgeGraph) -> list[Finding]:
    return [Finding(*trouble) for trouble in doubtful_names(graph.entities, graph.relations)]


def _when_split(graph: KnowledgeGraph) -> list[Finding]:
    """What a random split of a single file would lead to."""
    try:
        made = split_by_policy(graph.train, graph.relations, "warn", valid=0.1, test=0.1, seed=0)
    except DataError as error:
        return [Finding("too_small", len(graph.train), (), str(error))]
    told = [note for note in made.notes if note.startswith("train answers")]
    return [Finding("leaks_when_split", 1, (), f"after a random split {note}") for note in told]
