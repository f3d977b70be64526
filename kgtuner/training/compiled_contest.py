"""Contests scored by compiled kernels: each touched row is read once, and no difference stands in memory."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from kgtuner.kernels.matching import MATCHES, all_slopes
from kgtuner.losses import Loss
from kgtuner.models import Model
from kgtuner.training.compiled_rows import CompiledRows, CompiledSums
from kgtuner.training.contest import Contest, ContestGradient, DrawnGradient, Judge
from kgtuner.training.optimizers import Optimizer
from kgtuner.training.row_gradient import RowSums, TouchedRows

FEW_TERMS = 4
"""Meetings of a row and a query in a batch, on average, up to which a step waits for memory, not for products."""


@dataclass(frozen=True)
class RestGradient(ContestGradient):
    """The gradient of the rows that have not moved already.

    Attributes:
        rows: (k,) int64, rising; the true answers and the entities asked with are among them.
        at_rows: (k, width) what reached them through what was drawn.
    """

    rows: Tensor
    at_rows: Tensor

    def at_entities(
        self, contest: Contest, at_true: Tensor, at_asked: Tensor | None
    ) -> tuple[Tensor | None, Tensor | RowSums]:
        b = len(contest.query)
        places = torch.searchsorted(self.rows, contest.touched.ids[-2 * b :])
        self.at_rows.index_add_(0, places[:b], at_true)
        if at_asked is not None:
            self.at_rows.index_add_(0, places[b:], at_asked)
        return self.rows, CompiledSums.of_rows(self.at_rows)


class CompiledJudge(Judge):
    """As `Judge`, on the CPU, for distances, and for products where a row of a large table is met a few times.

    With an optimiser that has a kernel, an entity that was only drawn is moved while its gradient is made: after its
    score is known, nothing else of the step reads it. What is returned is the gradient of the others.
    """

    ROWS = CompiledRows

    def __init__(
        self, model: Model, loss: Loss, optimizer: Optimizer | None, *, torch_compile: bool = False
    ) -> None:
        super().__init__(model, loss, torch_compile=torch_compile)
        self.optimizer = optimizer

    def touched(self, drawn: Tensor, ids: Tensor, n_rows: int | None) -> TouchedRows:
        """The rows that ids touch; as torch reads and sums them where most are met again and again by dot products."""
        if self.model.DOT_PRODUCT and drawn.dim() == 2 and drawn.numel() > FEW_TERMS * self.model.n_entities:
            return TouchedRows(ids, n_rows)
        return CompiledRows(ids, n_rows)

    def _by_products(self, contest: Contest) -> ContestGradient:
        (b, n), query = (len(contest.query), contest.drawn.shape[-1]), contest.query
        if contest.drawn.dim() == 1 or not isinstance(contest.touched, CompiledRows):
            return super()._by_products(contest)
        asked, true = _asked(b, n), contest.true
        negative = self._compiled(contest).matches("dot", self.model.entities, query, asked).view(b, n)
        loss, at_positive, at_negative = self._score_gradient((query * true).sum(1), negative, contest)
        at_query, rest, at_rest = self._slopes("dot", contest, asked, at_negative.reshape(-1))
        at_query.addcmul_(at_positive[:, None], true)
        return RestGradient(loss, at_query, at_positive[:, None] * query, rest, at_rest)

    def _by_differences(self, contest: Contest) -> ContestGradient:
        kernel = self.model.distance_kernel()
        if kernel is None:
            return super()._by_differences(contest)
        (kind, at_zero), query = kernel, contest.query
        b, n = len(query), contest.drawn.shape[-1]
        positive, at_true = self.slope(contest.true - query)
        if contest.drawn.dim() == 1:
            candidates = self.model.entities.index_select(0, contest.drawn)
            negative = self.model.score_candidates(query, candidates)
            loss, at_positive, at_negative = self._score_gradient(positive, negative, contest)
            at_query, at_drawn = torch.zeros_like(query), self._room(n + 2 * b)
            arrays = (
                candidates,
                query,
                at_negative.neg(),
                at_query,
                at_drawn,
            )  # a score falls with the distance
            all_slopes(MATCHES[kind], *(array.contiguous().numpy() for array in arrays))
            at_query += at_true.mul_(at_positive[:, None])
            return DrawnGradient(loss, at_query, at_true.neg_(), at_drawn)
        asked = _asked(b, n)
        negative = (
            self._compiled(contest)
            .matches(kind, self.model.entities, query, asked)
            .view(b, n)
            .neg_()
            .add_(at_zero)
        )
        loss, at_positive, at_negative = self._score_gradient(positive, negative, contest)
        at_query, rest, at_rest = self._slopes(kind, contest, asked, at_negative.reshape(-1).neg())
        at_query += at_true.mul_(at_positive[:, None])
        return RestGradient(loss, at_query, at_true.neg_(), rest, at_rest)

    def _compiled(self, contest: Contest) -> CompiledRows:
        assert isinstance(contest.touched, CompiledRows)
        return contest.touched

    def _slopes(
        self, kind: str, contest: Contest, asked: Tensor, weights: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The gradient at the queries, the rows that did not move, and the gradient at these."""
        touched = self._compiled(contest)
        room = len(touched)
        if self.optimizer is not None and self.optimizer.KERNEL is not None:  # only these rows are left
            room = min(room, 2 * len(contest.query))
        at_rows = self._room(room)
        given = (self.model.entities, contest.query, asked, weights, at_rows, self.optimizer)
        at_query, rest = touched.slopes(kind, *given)
        return at_query, rest, at_rows[: len(rest)]


@lru_cache(maxsize=2)
def _asked(b: int, n: int) -> Tensor:
    """(b * n,) int32, which query each drawn entity stands against; only read."""
    return torch.arange(b, dtype=torch.int32).repeat_interleave(n)


def compile_ahead(model: Model, optimizer: Optimizer) -> None:
    """Compile what a training will call, or read it from the cache, by calling it on a row or two.

    A first step would otherwise take seconds, out of the time that a trial was given.
    """
    pair, index = model.entities.new_ones(2, 2), torch.zeros(1, dtype=torch.int32)
    touched = CompiledRows(index.long(), 1)
    some = CompiledRows(index.long())
    touched.matches("l1", pair, pair, index)
    touched.slopes("l1", pair, pair, index, pair[0, :1], pair.clone(), None)
    all_slopes(MATCHES["l1"], *(pair.clone().numpy() for _ in range(5)))
    if optimizer.KERNEL is not None:
        begun = copy.copy(optimizer)
        begun.begin_step()
        wholes = [pair.clone() for _ in range(1 + len(begun.STATES))]
        some.sums(pair).move(optimizer.KERNEL, begun.constants(), wholes, some.rows)
