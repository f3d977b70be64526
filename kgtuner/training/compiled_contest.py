"""Contests scored by compiled kernels: each touched row is read once, and no difference stands in memory."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor

from kgtuner.kernels.distances import KINDS, all_slopes
from kgtuner.models import Model
from kgtuner.training.compiled_rows import CompiledRows, CompiledSums, as_sums
from kgtuner.training.contest import Contest, ContestGradient, Judge
from kgtuner.training.optimizers import Optimizer


@dataclass(frozen=True)
class RowsGradient(ContestGradient):
    """As `ContestGradient`, where `at_drawn` is (k, width), what reached each touched row through what was drawn."""

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
            at_query, at_drawn = touched.slopes(kind, table, query, weights, self._room(len(touched)))
        at_query += at_true.mul_(at_positive[:, None])
        made = ContestGradient if drawn.dim() == 1 else RowsGradient
        return made(loss, at_query, at_true.neg_(), at_drawn)


def compile_ahead(model: Model, optimizer: Optimizer) -> None:
    """Compile what a training will call, or read it from the cache, by calling it on a row or two.

    A first step would otherwise take seconds, out of the time that a trial was given.
    """
    pair, width = model.entities.new_ones(2, 2), 2
    ids = torch.zeros(1, dtype=torch.int64)
    touched = CompiledRows(ids, 1)
    CompiledRows(ids).products(pair, pair, ids.int())
    touched.spread(pair, pair[:1, :1])
    kernel = model.distance_kernel()
    if kernel is not None:
        kind, _ = kernel
        touched.distances(kind, pair, pair[:1], 1)
        touched.slopes(kind, pair, pair[:1], pair[:1, :1].contiguous(), pair.new_empty(1, width))
        all_slopes(KINDS[kind], *(pair.clone().numpy() for _ in range(5)))
    if optimizer.KERNEL is not None:
        begun = copy.copy(optimizer)
        begun.begin_step()
        wholes = [pair.clone() for _ in range(1 + len(begun.STATES))]
        as_sums(pair).move(optimizer.KERNEL, begun.constants(), wholes, None)
