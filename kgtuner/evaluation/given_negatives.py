"""Ranks among the false answers that a data set gives, by the rule of the Open Graph Benchmark.

The rank of a true answer is 1 + (negatives above it + negatives not below it) / 2: ties at their mean rank. Nothing
is filtered, for the data set chose its false answers itself. `official_metrics` has OGB's own `Evaluator` do it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

from kgtuner.errors import Diverged, RunError
from kgtuner.evaluation.metrics import Metrics, joined, summarise
from kgtuner.evaluation.ranks import Ranks
from kgtuner.graph.given_negatives import GivenNegatives
from kgtuner.graph.ogb.official import without_look_for_newer_version
from kgtuner.models import Model
from kgtuner.types import IntArray, Triples

GATHERED_NUMBERS = 1 << 20
"""Numbers of candidate rows that are in memory at once: 4 MB in float32, which stays in the cache."""

SIDES = ("tail", "head")
OFFICIAL_NAME = (
    "ogbl-wikikg2"  # OGB's evaluator needs the name of a data set, and ranks alike for both graphs
)
AGREEMENT = 1e-5
"""How far OGB's float32 means may lie from ours before one of the two must be wrong."""


def rank_given(
    model: Model, triples: Triples, given: GivenNegatives, rows: IntArray, n_relations: int
) -> tuple[Ranks, Ranks]:
    """Rank (n, 3) triples among their false answers: the tails of (h, r, ?), then the heads of (?, r, t).

    Args:
        model: scores; put in evaluation mode by the caller.
        triples: (n, 3).
        given: the false answers of the split that the triples are from.
        rows: (n,) where each triple stands in that split.

    Raises:
        Diverged: if a score is not finite.
    """
    ranks = []
    for side in SIDES:
        rank = np.empty(len(triples))
        for part, positive, negative in given_scores(model, triples, given, rows, n_relations, side):
            rank[part] = ranks_among(positive, negative).cpu().numpy()
        ranks.append(Ranks(rank, np.full(len(triples), given.count + 1)))
    return ranks[0], ranks[1]


def ranks_among(positive: Tensor, negative: Tensor) -> Tensor:
    """(b,) float64 ranks of (b,) scores among (b, k) scores of false answers, in [1, k + 1]."""
    above = (negative > positive[:, None]).sum(1).double()
    not_below = (negative >= positive[:, None]).sum(1).double()
    return 1 + (above + not_below) / 2


def given_scores(
    model: Model, triples: Triples, given: GivenNegatives, rows: IntArray, n_relations: int, side: str
) -> Iterator[tuple[slice, Tensor, Tensor]]:
    """Scores chunk by chunk: the rows of `triples` they belong to, (b,) of the true and (b, k) of the false answers.

    Args:
        side: what is asked for, "tail" or "head".
    """
    triples = np.array(triples, dtype=np.int64)
    asked, answer, shift = (0, 2, 0) if side == "tail" else (2, 0, n_relations)
    device = model.entities.device
    table = model.entities
    step = max(1, GATHERED_NUMBERS // ((given.count + 1) * table.shape[1]))
    at_once = max(step, (8192 // step) * step)  # read from the file together, in the order of the file
    with torch.no_grad():
        for first in range(0, len(triples), at_once):
            block = triples[first : first + at_once]
            ids = np.column_stack((block[:, answer], given.side(side, rows[first : first + at_once])))
            candidates = torch.as_tensor(ids.astype(np.int32), device=device)
            query = model.encode(
                torch.as_tensor(block[:, asked], device=device),
                torch.as_tensor(block[:, 1] + shift, device=device),
            )
            for start in range(0, len(block), step):
                some = candidates[start : start + step]
                gathered = embedding_bag(some.view(-1, 1), table, mode="sum")  # of one row: fetches ahead
                gathered = gathered.view(*some.shape, table.shape[1])
                scores = model.score_candidates(query[start : start + step], gathered)
                if not bool(torch.isfinite(scores.sum())) and not bool(scores.isfinite().all()):
                    raise Diverged("a score is not finite; a smaller learning rate may help")
                part = slice(first + start, first + start + len(some))
                yield part, scores[:, 0], scores[:, 1:]


def official_metrics(
    model: Model, triples: Triples, given: GivenNegatives, n_relations: int
) -> tuple[Metrics, Ranks, Ranks]:
    """All triples of a split as OGB's `Evaluator` judges them, with the ranks behind it by our own count.

    Returns:
        MRR and Hits of both directions from the evaluator, what it does not know from the ranks; the ranks of
        tails and of heads.

    Raises:
        RunError: if the two disagree, which would be a mistake in one of them.
        Diverged: if a score is not finite.
    """
    evaluator = _official_evaluator()
    names = {
        "mrr_list": "mrr",
        "hits@1_list": "hits_at_1",
        "hits@3_list": "hits_at_3",
        "hits@10_list": "hits_at_10",
    }
    sums = dict.fromkeys(names.values(), 0.0)
    rows = np.arange(len(triples))
    ranks = []
    for side in SIDES:
        rank = np.empty(len(triples))
        for part, positive, negative in given_scores(model, triples, given, rows, n_relations, side):
            rank[part] = ranks_among(positive, negative).cpu().numpy()
            judged = evaluator.eval({"y_pred_pos": positive, "y_pred_neg": negative})
            for theirs, ours in names.items():
                sums[ours] += float(judged[theirs].double().sum())
        ranks.append(Ranks(rank, np.full(len(triples), given.count + 1)))
    own = summarise(joined(*ranks))
    if not own.count:
        return own, ranks[0], ranks[1]
    official = {name: total / own.count for name, total in sums.items()}
    for name, value in official.items():
        if abs(value - getattr(own, name)) > AGREEMENT:
            raise RunError(f"OGB's evaluator says {name} {value:.6f}, our own count {getattr(own, name):.6f}")
    judged_metrics = Metrics(**{**own.to_mapping(), **official})
    return judged_metrics, ranks[0], ranks[1]


def _official_evaluator() -> Any:
    with without_look_for_newer_version():
        from ogb.linkproppred import Evaluator
    return Evaluator(OFFICIAL_NAME)
