"""What a user should know about a graph before time is spent on it."""

from __future__ import annotations

from collections.abc import Sequence

from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.types import SPLITS

AUDITED_UP_TO = 5_000_000
"""Triples; looking through more of them takes longer than a user should wait unasked."""

TOLD = ("duplicate_triples", "leak", "unseen_entities", "self_loops", "answered_test")
"""Kinds of findings that are told unasked; which relations copy each other is for `kgtuner datasets info`."""


def problems(graph: KnowledgeGraph, told: Sequence[str] = ()) -> tuple[str, ...]:
    """A line for each problem of the triples, none where there is none.

    Args:
        told: what was said when the graph was read and split. A line that one of these begins with says nothing new.
    """
    triples = sum(len(graph.split(split)) for split in SPLITS)
    if triples > AUDITED_UP_TO:
        return (
            f"{graph.name}: not searched for problems, because {triples:,} triples are more than "
            f"{AUDITED_UP_TO:,}; kgtuner datasets info does it",
        )
    # What comes after the comma are examples; `kgtuner datasets info` shows them.
    found = (f.message.partition(", for example ")[0] for f in graph.audit() if f.kind in TOLD)
    lines = (f"{graph.name}: {line}" for line in found)
    return tuple(line for line in lines if not any(note.startswith(line) for note in told))
