"""Whether scoring all entities for each query (1vsAll, kVsAll) makes sense on a graph."""

from __future__ import annotations

from kgtuner.graph.knowledge_graph import KnowledgeGraph

ALL_ENTITIES_UP_TO = 200_000
"""Entities. A query against more of them costs as much as thousands of sampled negatives for a hundred queries."""


def why_not_all_entities(graph: KnowledgeGraph) -> str | None:
    """Why a graph is trained with sampled negatives only, as the rest of a sentence; None where it need not be.

    The paper leaves the all-entity modes out for both OGB graphs.
    """
    if graph.n_entities > ALL_ENTITIES_UP_TO:
        return f"{graph.n_entities:,} entities are too many to score all of them for each query"
    if graph.given:
        return "its triples are ranked among given answers, and most entities are never among them"
    return None
