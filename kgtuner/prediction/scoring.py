"""Scores by number: single triples, and the best answers to many questions at once."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from kgtuner.errors import Diverged
from kgtuner.graph.entity_types import SEVERAL
from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.models import Model
from kgtuner.prediction.answers import Known
from kgtuner.prediction.top_k import BLOCK, best_columns
from kgtuner.training.allocation import keeping_freed_memory
from kgtuner.types import SPLITS, BoolArray, FloatArray, IntArray

SCORE_BYTES = 48 << 20
"""Memory for the scores of one chunk of questions against all entities; a larger one leaves the cache."""

LARGEST_CHUNK = 512
"""Questions that are encoded at once."""

TRIPLES_AT_ONCE = 8192
"""Single triples that are scored at once, at most."""

ROW_BYTES = 64 << 20
"""Memory for their rows of one table; RESCAL has a matrix for each relation."""


@dataclass(frozen=True)
class Found:
    """Answers to n questions, at most k each, in flat arrays that belong together.

    Within a question the best comes first, equal scores as the graph orders its entities or relations.
    """

    question: IntArray  # (m,) ascending, 0 to n - 1
    answer: IntArray  # (m,) ids of entities, or of relations where those are asked
    score: FloatArray  # (m,) higher is better
    known: BoolArray | None  # (m,) whether the triple stands in the graph; None if nobody looked


def chunk_size(n_candidates: int) -> int:
    """How many questions against so many candidates are scored at once."""
    return max(1, min(LARGEST_CHUNK, SCORE_BYTES // (4 * n_candidates)))


def find_entities(
    model: Model, graph: KnowledgeGraph, entity: IntArray, relation: IntArray, k: int, known: Known
) -> Found:
    """The k best answers to each of (n,) directed queries (entity, relation), chunk by chunk.

    Raises:
        Diverged: if a score is not finite.
    """
    step = chunk_size(graph.n_entities)
    candidates = _whole_blocks(model.entities)
    parts = []
    with keeping_freed_memory() if len(entity) > step else nullcontext():
        for start in range(0, len(entity), step):
            rows = np.arange(start, min(start + step, len(entity)))
            parts.append((rows, _find(model, graph, candidates, entity[rows], relation[rows], k, known)))
    return joined(parts)


def find_relations(
    model: Model, graph: KnowledgeGraph, head: IntArray, tail: IntArray, k: int, known: Known
) -> Found:
    """The k relations that fit best between (n,) heads and tails, each asked as (head, relation, ?).

    Raises:
        Diverged: if a score is not finite.
    """
    n, every = graph.n_relations, np.arange(graph.n_relations)
    step = max(1, TRIPLES_AT_ONCE // n)
    parts = []
    for start in range(0, len(head), step):
        rows = np.arange(start, min(start + step, len(head)))
        h, t = np.repeat(head[rows], n), np.repeat(tail[rows], n)
        r = np.tile(every, len(rows))
        scores = score_triples(model, h, r, t).reshape(-1, n)
        facts = None if known == "keep" else contains(graph, h, r, t).reshape(-1, n)
        ranked = scores if facts is None or known == "mark" else np.where(facts, -np.inf, scores)
        if graph.types is not None:
            possible = fits(graph, t, r) & fits(graph, h, r + n)
            ranked = np.where(possible.reshape(-1, n), ranked, -np.inf)
        columns = np.argsort(-ranked, axis=1, kind="stable")[:, :k]
        row, place = np.nonzero(np.take_along_axis(ranked, columns, 1) > -np.inf)
        relation = columns[row, place]
        marked = None if facts is None else facts[row, relation]
        parts.append((rows, Found(row, relation, scores[row, relation], marked)))
    return joined(parts)


def joined(parts: list[tuple[IntArray, Found]]) -> Found:
    """One `Found` from parts, each with the numbers that its questions have in the whole."""
    if not parts:
        nothing = np.empty(0, dtype=np.int64)
        return Found(nothing, nothing, np.empty(0), None)
    question = np.concatenate([numbers[found.question] for numbers, found in parts])
    marks = [found.known for _, found in parts if found.known is not None]
    order = np.argsort(question, kind="stable")
    return Found(
        question[order],
        np.concatenate([found.answer for _, found in parts])[order],
        np.concatenate([found.score for _, found in parts])[order],
        np.concatenate(marks)[order] if marks else None,
    )


def score_triples(model: Model, h: IntArray, r: IntArray, t: IntArray) -> FloatArray:
    """(n,) scores of triples; r may be a directed relation, then h is the entity asked about and t the answer.

    Raises:
        Diverged: if a score is not finite.
    """
    device = model.entities.device
    scores = np.empty(len(h))
    widest = max(model.entities.shape[1], model.relations.shape[1])
    step = max(1, min(TRIPLES_AT_ONCE, ROW_BYTES // (4 * widest)))
    with torch.no_grad():
        for start in range(0, len(h), step):
            part = slice(start, start + step)
            e, d, c = (torch.as_tensor(ids[part], device=device) for ids in (h, r, t))
            rows = model.score_candidates(model.encode(e, d), model.entities[c][:, None])  # (n, 1)
            check_finite(rows)
            scores[part] = rows[:, 0].double().cpu().numpy()
    return scores


def score_both_ways(model: Model, h: IntArray, r: IntArray, t: IntArray) -> FloatArray:
    """(n,) means of a triple's scores as (h, r, ?) and as (?, r, t): one number, however it was asked."""
    forward = score_triples(model, h, r, t)
    return (forward + score_triples(model, t, r + model.n_relations, h)) / 2


def contains(graph: KnowledgeGraph, h: IntArray, r: IntArray, t: IntArray) -> BoolArray:
    """(n,): does the triple stand in any split?"""
    found: BoolArray = graph.known_answers(SPLITS).contains(h, r, t[:, None])[:, 0]
    return found


def check_finite(scores: Tensor) -> None:
    """Raise Diverged if a score is not finite."""
    if bool(torch.isfinite(scores.sum())):  # one pass without a second matrix; an overflow looks again
        return
    bad = int((~scores.isfinite()).sum())
    if bad:
        raise Diverged(f"{bad} of {scores.numel()} scores are not finite, so the answers would mean nothing")


def _find(
    model: Model,
    graph: KnowledgeGraph,
    candidates: Tensor,
    entity: IntArray,
    relation: IntArray,
    k: int,
    known: Known,
) -> Found:
    n, device = graph.n_entities, candidates.device
    with torch.no_grad():
        query = model.encode(torch.as_tensor(entity, device=device), torch.as_tensor(relation, device=device))
        scores = model.score_candidates(query, candidates)
    check_finite(scores[:, :n])
    scores[:, n:] = -torch.inf
    _drop_other_types(scores, graph, relation)
    if known == "exclude":
        rows, columns = graph.known_answers(SPLITS).pairs(entity, relation)
        scores[torch.as_tensor(rows, device=device), torch.as_tensor(columns, device=device)] = -torch.inf
    values, best = best_columns(scores, min(k, n))
    row, place = torch.nonzero(values > -torch.inf, as_tuple=True)
    answer = best[row, place].cpu().numpy()
    question = row.cpu().numpy()
    marks = None
    if known == "exclude":
        marks = np.zeros(len(answer), dtype=np.bool_)
    elif known == "mark":
        marks = contains(graph, entity[question], relation[question], answer)
    return Found(question, answer, values[row, place].double().cpu().numpy(), marks)


def fits(graph: KnowledgeGraph, entity: IntArray, relation: IntArray) -> BoolArray:
    """(n,): is an entity of the type that a directed relation's answers have? True where that is not known."""
    if graph.types is None or graph.answer_types is None:
        return np.ones(len(entity), dtype=np.bool_)
    wanted = graph.answer_types[relation]
    right: BoolArray = (wanted == SEVERAL) | (wanted == graph.types.of_entity[entity])
    return right


def _drop_other_types(scores: Tensor, graph: KnowledgeGraph, relation: IntArray) -> None:
    """In (b, n_entities or more) scores, leave each query only candidates of the type of its answers."""
    if graph.types is None or graph.answer_types is None:
        return
    types = torch.as_tensor(np.array(graph.types.of_entity), device=scores.device)
    for row, kind in enumerate(graph.answer_types[relation].tolist()):
        if kind != SEVERAL:
            scores[row, : len(types)].masked_fill_(types != kind, -torch.inf)


def _whole_blocks(entities: Tensor) -> Tensor:
    """Entity rows with rows of zeros behind them, so that they can be compared in whole blocks."""
    missing = -len(entities) % BLOCK
    return torch.cat([entities, entities.new_zeros(missing, entities.shape[1])]) if missing else entities
