"""Answers to questions by number, of all three kinds mixed, in the order of the questions."""

from __future__ import annotations

import numpy as np

from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.models import Model
from kgtuner.prediction.answers import Known
from kgtuner.prediction.scoring import Found, find_entities, find_relations, joined
from kgtuner.prediction.triple_files import OPEN
from kgtuner.types import IntArray, Triples

HEAD, RELATION, TAIL = 0, 1, 2


def asked(questions: Triples) -> IntArray:
    """(n,) which column is OPEN."""
    column: IntArray = (questions == OPEN).argmax(1)
    return column


def find(model: Model, graph: KnowledgeGraph, questions: Triples, k: int, known: Known) -> Found:
    """The k best answers to each of (n, 3) questions, each with OPEN in one column.

    Raises:
        Diverged: if a score is not finite.
    """
    column = asked(questions)
    parts = []
    entities = np.flatnonzero(column != RELATION)
    if len(entities):
        h, r, t = questions[entities].T
        tails = column[entities] == TAIL
        directed = np.where(tails, r, r + graph.n_relations)
        parts.append((entities, find_entities(model, graph, np.where(tails, h, t), directed, k, known)))
    relations = np.flatnonzero(column == RELATION)
    if len(relations):
        h, _, t = questions[relations].T
        parts.append((relations, find_relations(model, graph, h, t, k, known)))
    return joined(parts)


def filled(questions: Triples, found: Found) -> Triples:
    """(m, 3) triples: the questions with their answers put in."""
    triples = questions[found.question].copy()
    triples[np.arange(len(triples)), asked(questions)[found.question]] = found.answer
    return triples


def positions(found: Found) -> IntArray:
    """(m,) the place of each answer among those of its question, from 1."""
    starts = np.searchsorted(found.question, found.question)
    place: IntArray = np.arange(len(found.question)) - starts + 1
    return place
