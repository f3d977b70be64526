"""The gradient of one batch against sampled negatives."""

from __future__ import annotations

import torch
from torch import Tensor

from kgtuner.losses import Loss
from kgtuner.models import Model
from kgtuner.negatives import NegativeSampler
from kgtuner.regularizers import Regularizer
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
    ) -> None:
        self.model, self.regularizer, self.negatives = model, regularizer, negatives
        self.queries = queries
        self.generator = generator
        self.dense_rows = model.n_entities if dense else None
        self.n = len(queries)
        check = negatives.filtered and loss.FILTERED
        self.false_negatives = FalseNegatives(queries) if check else None
        self.judge = judge_of(model, loss, optimizer, compiled=compiled)

    def __call__(self, batch: Tensor) -> Gradient:
        queries, model = self.queries, self.model
        entity, answer = queries.entity[batch], queries.answer[batch]
        weights = queries.weight[batch].to(model.entities.dtype)
        rows = QueryRows(model, entity, queries.relation[batch], self.generator)
        t = model.entities.index_select(0, answer).requires_grad_()
        drawn, valid = self.negatives.draw_for(answer, model.n_entities, self.generator)
        if self.false_negatives is not None:
            false = self.false_negatives.valid(queries.group[batch], drawn)
            valid = false if valid is None else valid if false is None else valid & false
        touched = self.judge.touched(drawn, torch.cat([drawn.flatten(), answer, entity]), self.dense_rows)
        contest = Contest(rows.query.detach(), t.detach(), drawn, valid, weights / weights.sum(), touched)
        at = self.judge(contest)
        loss, t.grad = at.loss, at.at_true
        root = rows.with_gradient(at.at_query)
        if self.regularizer.weight:
            cost = self.regularizer.penalty(rows.h, rows.r, t, rows.query).mean() * self.regularizer.weight
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
