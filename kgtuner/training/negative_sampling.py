"""The gradient of one batch against sampled negatives."""

from __future__ import annotations

import torch
from torch import Tensor

from kgtuner.losses import Loss
from kgtuner.models import Model
from kgtuner.negatives import NegativeSampler
from kgtuner.regularizers import Regularizer
from kgtuner.training.accumulated import Accumulated
from kgtuner.training.fetched_gradient import FetchedGradient
from kgtuner.training.optimizers import Optimizer
from kgtuner.training.queries import FalseNegatives, TrainingQueries
from kgtuner.training.sampled_gradient import Asked, SampledGradient
from kgtuner.training.steps import Gradient


class NegativeSamplingStep:
    """Each query's true answer against negatives drawn for it.

    Args:
        dense: whether the gradient is of all entities rather than of those touched.
        compiled, torch_compile, optimizer: as for `SampledGradient`.
        at_once: queries whose gradient is computed at once, to take less memory; None for the whole batch. Parts of a
            batch share its negatives and its one step, so no entity moves early.
        fetch_to: the device that computes the gradient where it is another than that of the tables, queries and random
            numbers; its memory need not hold the tables, and no entity moves early.
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
        torch_compile: bool = False,
        optimizer: Optimizer | None = None,
        at_once: int | None = None,
        fetch_to: torch.device | None = None,
    ) -> None:
        self.model, self.negatives, self.queries, self.generator = model, negatives, queries, generator
        self.dense_rows = model.n_entities if dense else None
        self.n = len(queries)
        check = negatives.filtered and loss.FILTERED
        self.false_negatives = FalseNegatives(queries) if check else None
        self.at_once = at_once
        parts = (model, loss, regularizer, generator)
        self.gradient: SampledGradient | FetchedGradient
        if fetch_to is not None:
            self.gradient = FetchedGradient(
                *parts, device=fetch_to, compiled=compiled, torch_compile=torch_compile
            )
        else:
            moving = optimizer if at_once is None else None
            self.gradient = SampledGradient(
                *parts, compiled=compiled, torch_compile=torch_compile, optimizer=moving
            )

    def __call__(self, batch: Tensor) -> Gradient:
        drawn, of_type = self.negatives.draw_for(
            self.queries.answer[batch], self.model.n_entities, self.generator
        )
        weights = self.queries.weight[batch].to(self.model.entities.dtype)
        weights = weights / weights.sum()
        if self.at_once is not None and len(batch) > self.at_once:
            return self._in_parts(batch, drawn, of_type, weights, self.at_once)
        return self.gradient(self._asked(batch, drawn, of_type, weights), self.dense_rows)

    def _in_parts(
        self, batch: Tensor, drawn: Tensor, of_type: Tensor | None, weights: Tensor, size: int
    ) -> Gradient:
        queries, model = self.queries, self.model
        ids = torch.cat([drawn.flatten(), queries.answer[batch], queries.entity[batch]])
        entities = Accumulated(model.entities, ids if self.dense_rows is None else None)
        relations = Accumulated(model.relations, model.relation_rows(queries.relation[batch])[0])
        loss = weights.new_zeros(())
        for start in range(0, len(batch), size):
            part = slice(start, start + size)
            own = drawn if drawn.dim() == 1 else drawn[part]
            own_type = None if of_type is None else of_type[part]
            share = len(batch[part]) / len(batch)
            at = self.gradient(self._asked(batch[part], own, own_type, weights[part], share))
            entities.add(*at.entities)
            relations.add(*at.relations)
            loss += at.loss
        return Gradient(loss, entities.gradient, relations.gradient)

    def _asked(
        self, batch: Tensor, drawn: Tensor, of_type: Tensor | None, weights: Tensor, share: float = 1.0
    ) -> Asked:
        """What some positions (b,) of the queries ask; false negatives among what was drawn are found here."""
        queries, valid = self.queries, of_type
        if self.false_negatives is not None:
            false = self.false_negatives.valid(queries.group[batch], drawn)
            valid = false if valid is None else valid if false is None else valid & false
        entity, relation, answer = queries.entity[batch], queries.relation[batch], queries.answer[batch]
        return Asked(entity, relation, answer, drawn, valid, weights, share)
