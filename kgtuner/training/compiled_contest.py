"""Contests scored by compiled kernels: each touched row is read once, and no difference stands in memory."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from kgtuner.kernels.distances import KINDS, all_slopes
from kgtuner.training.compiled_rows import CompiledRows, CompiledSums, as_sums
from kgtuner.training.contest import Contest, ContestGradient, Judge


@dataclass(frozen=True)
class RowsGradient(ContestGradient):
    """As `ContestGradient`, where `at_drawn` is (k, width), the gradient of each touched row, complete but for the rest."""

    def sums(self, contest: Contest, at_true: Tensor, at_asked: Tensor | int) -> CompiledSums:
        touched, b = contest.touched, len(contest.query)
        assert isinstance(touched, CompiledRows)
        places = touched.last_places(2 * b)
        self.at_drawn.index_add_(0, places[:b], at_true)
        if isinstance(at_asked, Tensor):
            self.at_drawn.index_add_(0, places[b:], at_asked)
        return as_sums(self.at_drawn)


class CompiledJudge(Judge):
    """As `Judge`, on the CPU. Products differ in how rows are read, which `CompiledRows` knows."""

    ROWS = CompiledRows

    def _by_differences(self, contest: Contest) -> ContestGradient:
        kernel = self.model.distance_kernel()
        if kernel is None:
            return super()._by_differences(contest)
        table, query, drawn, touched = self.model.entities, contest.query, contest.drawn, contest.touched
        assert isinstance(touched, CompiledRows)
        (kind, at_zero), b, n = kernel, len(query), drawn.shape[-1]
        positive, at_true = self.model.slope(contest.true - query)
        if drawn.dim() == 1:
            candidates = table.index_select(0, drawn)
            negative = self.model.score_candidates(query, candidates)
        else:
            negative = at_zero - touched.distances(kind, table, query, n)
        loss, at_positive, at_negative = self._score_gradient(positive, negative, contest)
        weights = at_negative.neg()  # a score falls with the distance
        if drawn.dim() == 1:
            at_query, at_drawn = torch.zeros_like(query), self._room(n + 2 * b)
            arrays = (candidates, query, weights, at_query, at_drawn)
            all_slopes(KINDS[kind], *(array.numpy() for array in arrays))
        else:
            at_query, at_drawn = touched.slopes(kind, table, query, weights)
        at_query += at_true.mul_(at_positive[:, None])
        made = ContestGradient if drawn.dim() == 1 else RowsGradient
        return made(loss, at_query, at_true.neg_(), at_drawn)
