"""The gradient of one batch against sampled negatives."""

from __future__ import annotations

import torch
from torch import Tensor

from kgtuner.losses import Loss
from kgtuner.models import Model
from kgtuner.negatives import NegativeSampler
from kgtuner.regularizers import Regularizer
from kgtuner.training.accumulated import Accumulated
from kgtuner.training.contest import Contest, Judge
from kgtuner.training.optimizers import Optimizer
from kgtuner.training.queries import FalseNegatives, TrainingQueries
from kgtuner.training.steps import Gradient, QueryRows


class NegativeSamplingStep:
    """Each query's true answer against negatives drawn for it.

    Args:
        dense: whether the gradient is of all entities rather than of those touched.
        compiled: whether kernels of kgtuner/kernels do the work that plain operators do in several passes.
        optimizer: with kernels, moves each entity as early as it may; what a call returns is then the gradient of
            the others. Its step has begun when this is called.
        at_once: queries whose gradient is computed at once, to take less memory; None for the whole batch. Parts of a
            batch share its negatives and its one step, so no entity moves early.
    """

    def __init__(
        self,
        model: Model,
        loss: Loss,
        regularizer: Regularizer,
        negatives: NegativeSampler,
        queries: TrainingQueries,
        generator: torch.Generator,
        *,
        dense: bool,
        compiled: bool = False,
        optimizer: Optimizer | None = None,
        at_once: int | None = None,
    ) -> None:
        self.model, self.regularizer, self.negatives = model, regularizer, negatives
        self.queries = queries
        self.generator = generator
        self.dense_rows = model.n_entities if dense else None
        self.n = len(queries)
        check = negatives.filtered and loss.FILTERED
        self.false_negatives = FalseNegatives(queries) if check else None
        self.at_once = at_once
        self.judge = judge_of(model, loss, optimizer if at_once is None else None, compiled=compiled)

    def __call__(self, batch: Tensor) -> Gradient:
        if self.at_once is not None and len(batch) > self.at_once:
            return self._in_parts(batch, self.at_once)
        rows = self._rows(batch)
        drawn, valid = self._drawn(batch)
        return self._gradient(batch, rows, drawn, valid, self._weights(batch), 1.0, self.dense_rows)

    def _in_parts(self, batch: Tensor, size: int) -> Gradient:
        queries, model = self.queries, self.model
        drawn, valid = self._drawn(batch)
        weights = self._weights(batch)
        ids = torch.cat([drawn.flatten(), queries.answer[batch], queries.entity[batch]])
        entities = Accumulated(model.entities, ids if self.dense_rows is None else None)
        relations = Accumulated(model.relations, model.relation_rows(queries.relation[batch])[0])
        loss = weights.new_zeros(())
        for start in range(0, len(batch), size):
            part = slice(start, start + size)
            some = batch[part]
            own = drawn if drawn.dim() == 1 else drawn[part]
            own_valid = None if valid is None else valid[part]
            share = len(some) / len(batch)
            at = self._gradient(some, self._rows(some), own, own_valid, weights[part], share, None)
            entities.add(*at.entities)
            relations.add(*at.relations)
            loss += at.loss
        return Gradient(loss, entities.gradient, relations.gradient)

    def _rows(self, batch: Tensor) -> QueryRows:
        queries = self.queries
        return QueryRows(self.model, queries.entity[batch], queries.relation[batch], self.generator)

    def _drawn(self, batch: Tensor) -> tuple[Tensor, Tensor | None]:
        return self.negatives.draw_for(self.queries.answer[batch], self.model.n_entities, self.generator)

    def _weights(self, batch: Tensor) -> Tensor:
        weights = self.queries.weight[batch].to(self.model.entities.dtype)
        return weights / weights.sum()

    def _gradient(
        self,
        batch: Tensor,
        rows: QueryRows,
        drawn: Tensor,
        valid: Tensor | None,
        weights: Tensor,
        share: float,
        dense_rows: int | None,
    ) -> Gradient:
        """The gradient of a batch, or of some of its queries.

        Args:
            batch, rows: (b,) positions of the queries, and the rows they start from.
            drawn, valid: as in `Contest`; `valid` knows types, and no right answers yet.
            weights: (b,), with sum 1 over the whole batch.
            share: of the whole batch that these queries are.
            dense_rows: the number of entities where the gradient is of all of them.
        """
        queries, model = self.queries, self.model
        entity, answer = queries.entity[batch], queries.answer[batch]
        t = model.entities.index_select(0, answer).requires_grad_()
        if self.false_negatives is not None:
            false = self.false_negatives.valid(queries.group[batch], drawn)
            valid = false if valid is None else valid if false is None else valid & false
        touched = self.judge.touched(drawn, torch.cat([drawn.flatten(), answer, entity]), dense_rows)
        contest = Contest(rows.query.detach(), t.detach(), drawn, valid, weights, touched)
        at = self.judge(contest)
        loss, t.grad = at.loss, at.at_true
        root = rows.with_gradient(at.at_query)
        if self.regularizer.weight:
            penalty = self.regularizer.penalty(rows.h, rows.r, t, rows.query).mean()
            cost = penalty * (self.regularizer.weight * share)
            loss = loss + cost.detach()
            root = root + cost
        torch.autograd.backward(root)
        entities = at.at_entities(contest, t.grad, rows.h.grad)
        return Gradient(loss, entities, rows.relation_gradient(self.judge.ROWS))


def judge_of(model: Model, loss: Loss, optimizer: Optimizer | None, *, compiled: bool) -> Judge:
    """The one place where a step chooses between plain operators and compiled kernels."""
    if not compiled:
        return Judge(model, loss)
    from kgtuner.training.compiled_contest import CompiledJudge  # imports Numba

    return CompiledJudge(model, loss, optimizer)
