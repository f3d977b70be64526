"""Triples on disk or in memory -> one immutable KnowledgeGraph."""

from kgtuner.graph.knowledge_graph import KnowledgeGraph

__all__ = ["KnowledgeGraph"]
