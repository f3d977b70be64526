"""The gradient of queries that were asked against sampled negatives, from the rows of the tables to the rows again."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from kgtuner.losses import Loss
from kgtuner.models import Model
from kgtuner.regularizers import Regularizer
from kgtuner.training.contest import Contest, Judge
from kgtuner.training.optimizers import Optimizer
from kgtuner.training.steps import Gradient, QueryRows


@dataclass(frozen=True)
class Asked:
    """What a batch, or a part of it, asks, and what was drawn for it.

    Attributes:
        entity, relation, answer: (b,) ids of the queries and their answers, relation directed.
        drawn: ids of entities, (b, n) or (n,) for all queries together.
        valid: (b, n) bool, False where a drawn entity is a right answer too or of another type; None when none is.
        weights: (b,), with sum 1 over the whole batch.
        share: of the whole batch that these queries are.
    """

    entity: Tensor
    relation: Tensor
    answer: Tensor
    drawn: Tensor
    valid: Tensor | None
    weights: Tensor
    share: float = 1.0

    @property
    def ids(self) -> Tensor:
        """(p,) the entity rows of what was drawn, of the true answers and of those asked with, in this order."""
        return torch.cat([self.drawn.flatten(), self.answer, self.entity])


class SampledGradient:
    """Gathers the rows that a batch needs, scores them, and sends the gradient of the loss back to the rows.

    Args:
        generator: of dropout.
        compiled: whether kernels of kgtuner/kernels do the work that plain operators do in several passes.
        torch_compile: whether torch.compile makes the loss and the slopes of distances of fewer launches.
        optimizer: with kernels, moves each entity as early as it may; what a call returns is then the gradient of
            the others. Its step has begun when this is called.
    """

    def __init__(
        self,
        model: Model,
        loss: Loss,
        regularizer: Regularizer,
        generator: torch.Generator,
        *,
        compiled: bool = False,
        torch_compile: bool = False,
        optimizer: Optimizer | None = None,
    ) -> None:
        self.model, self.regularizer, self.generator = model, regularizer, generator
        self.judge = _judge_of(model, loss, optimizer, compiled=compiled, torch_compile=torch_compile)

    def __call__(self, asked: Asked, dense_rows: int | None = None) -> Gradient:
        """The gradient of what was asked.

        Args:
            dense_rows: the number of entities where the gradient is to be of all of them.
        """
        model = self.model
        rows = QueryRows(model, asked.entity, asked.relation, self.generator)
        t = model.entities.index_select(0, asked.answer).requires_grad_()
        touched = self.judge.touched(asked.drawn, asked.ids, dense_rows)
        contest = Contest(rows.query.detach(), t.detach(), asked.drawn, asked.valid, asked.weights, touched)
        at = self.judge(contest)
        loss, t.grad = at.loss, at.at_true
        root = rows.with_gradient(at.at_query)
        if self.regularizer.weight:
            penalty = self.regularizer.penalty(rows.h, rows.r, t, rows.query).mean()
            cost = penalty * (self.regularizer.weight * asked.share)
            loss = loss + cost.detach()
            root = root + cost
        torch.autograd.backward(root)
        entities = at.at_entities(contest, t.grad, rows.h.grad)
        return Gradient(loss, entities, rows.relation_gradient(self.judge.ROWS))


def _judge_of(
    model: Model, loss: Loss, optimizer: Optimizer | None, *, compiled: bool, torch_compile: bool
) -> Judge:
    """The one place where a step chooses between plain operators and compiled kernels."""
    if not compiled:
        return Judge(model, loss, torch_compile=torch_compile)
    from kgtuner.training.compiled_contest import CompiledJudge  # imports Numba

    return CompiledJudge(model, loss, optimizer, torch_compile=torch_compile)
