"""Where the true answer of each query stands among all entities: filtered, ties at their mean rank."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from kgtuner import kernels
from kgtuner.errors import Diverged
from kgtuner.graph.known_answers import KnownAnswers
from kgtuner.models import Model
from kgtuner.types import FloatArray, IntArray, Triples

SCORE_BYTES = 64 << 20
"""Memory for the two (queries, entities) matrices that ranking holds at once."""


@dataclass(frozen=True)
class Ranks:
    """The ranks of some directed queries.

    Attributes:
        rank: (q,) float64 in [1, candidates]; the mean of the optimistic and the pessimistic rank.
        candidates: (q,) int64, entities that competed, the true one included.
    """

    rank: FloatArray
    candidates: IntArray


def realistic_ranks(scores: Tensor, target: Tensor, rows: Tensor, columns: Tensor, counts: Tensor) -> Tensor:
    """Rank each target among its candidates: filtered, with ties at their mean rank.

    Counts instead of sorting. The true score is taken from the same matrix, so that equal means equal.

    Args:
        scores: (b, n_entities), higher is better.
        target: (b,) int64, the column of the true entity.
        rows, columns: (p,) int64, the right answers that do not compete: known triples of any split.
            The target itself may be among them.
        counts: (b, n_entities), overwritten; the same type as scores.

    Returns:
        (b,) float64 in [1, n_entities]; a tie of two at the top gives 1.5.

    Raises:
        Diverged: if a score is not finite. NaN loses every comparison, so it would otherwise be
            ranked first, and a broken trial would win.
    """
    low, high = torch.aminmax(scores)
    if not (torch.isfinite(low) and torch.isfinite(high)):
        raise _diverged(int((~scores.isfinite()).sum()), scores)
    true = scores.gather(1, target[:, None])
    # Comparisons written as numbers are summed by vector instructions, booleans are not.
    better = torch.gt(scores, true, out=counts).sum(1, dtype=torch.float32).double()
    at_least = torch.ge(scores, true, out=counts).sum(1, dtype=torch.float32).double()
    known = scores[rows, columns]
    other = columns != target[rows]
    limit = true.squeeze(1)[rows]
    better.index_add_(0, rows, -((known > limit) & other).double())
    at_least.index_add_(0, rows, -((known >= limit) & other).double())
    equal = at_least - better - 1  # the target equals itself
    return 1 + better + equal / 2


def compiled_ranks(scores: Tensor, target: IntArray, rows: IntArray, columns: IntArray) -> FloatArray:
    """As `realistic_ranks` on the CPU: the same ranks, counted in one pass over the scores and without a buffer."""
    from kgtuner.kernels.counting import counted_ranks  # imports Numba

    offsets = np.searchsorted(rows, np.arange(len(target) + 1))
    ranks = np.empty(len(target))
    broken = counted_ranks(scores.numpy(), target, offsets, columns, ranks)
    if broken:
        raise _diverged(broken, scores)
    return ranks


def _diverged(broken: int, scores: Tensor) -> Diverged:
    return Diverged(f"{broken} of {scores.numel()} scores are not finite; a smaller learning rate may help")


def rank_queries(
    model: Model,
    entity: IntArray,
    relation: IntArray,
    answer: IntArray,
    known: KnownAnswers,
) -> Ranks:
    """Rank the answers of directed queries among all entities.

    Args:
        model: scores; put in evaluation mode by the caller.
        entity, relation, answer: (q,) int64, relation directed in [0, 2R).
        known: the right answers that do not compete.

    Memory beyond the model stays near `SCORE_BYTES` plus 16 bytes for each known answer of a chunk.
    """
    device = model.entities.device
    n_entities = model.n_entities
    # Copies, because a graph's arrays are read-only and torch warns when it is handed such memory.
    entity, relation, answer = (np.array(ids, dtype=np.int64) for ids in (entity, relation, answer))
    chunk = int(max(1, min(512, SCORE_BYTES // (8 * n_entities))))
    rank = np.empty(len(entity))
    candidates = np.empty(len(entity), dtype=np.int64)
    compiled = device.type == "cpu" and kernels.available()
    buffer = model.entities.new_empty(0 if compiled else min(chunk, len(entity)), n_entities)
    with torch.no_grad():
        for start in range(0, len(entity), chunk):
            part = slice(start, start + chunk)
            rows, columns = known.pairs(entity[part], relation[part])
            query = model.encode(
                torch.as_tensor(entity[part], device=device), torch.as_tensor(relation[part], device=device)
            )
            scores = model.score_candidates(query, model.entities)
            if compiled:
                rank[part] = compiled_ranks(scores, answer[part], rows, columns)
            else:
                target, rows_there, columns_there = (
                    torch.as_tensor(ids, device=device) for ids in (answer[part], rows, columns)
                )
                counts = buffer[: len(scores)]
                ranks = realistic_ranks(scores, target, rows_there, columns_there, counts)
                rank[part] = ranks.cpu().numpy()
            others = columns != answer[part][rows]
            candidates[part] = n_entities - np.bincount(rows[others], minlength=len(rank[part]))
            del scores  # or the next chunk's would stand beside them
    return Ranks(rank, candidates)


def rank_triples(
    model: Model, triples: Triples, known: KnownAnswers, n_relations: int
) -> tuple[Ranks, Ranks]:
    """Rank (n, 3) triples in both directions: the tails of (h, r, ?), then the heads of (?, r, t)."""
    h, r, t = np.asarray(triples).T
    return (
        rank_queries(model, h, r, t, known),
        rank_queries(model, t, r + n_relations, h, known),
    )
