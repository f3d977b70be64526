"""The gradient of one batch against sampled negatives.

For models that score by a dot product the gradient crosses from scores to rows by matmuls written here, for
distance models along the differences of query and candidate; others go through autograd.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

from kgtuner.losses import Loss
from kgtuner.models import Model
from kgtuner.negatives import NegativeSampler
from kgtuner.regularizers import Regularizer
from kgtuner.training.queries import FalseNegatives, TrainingQueries
from kgtuner.training.row_gradient import RowGradient
from kgtuner.training.steps import Gradient, QueryRows

GATHERED_NUMBERS = 1 << 19
"""Numbers gathered at once: 2 MB in float32."""


class NegativeSamplingStep:
    """Each query's true answer against negatives drawn for it."""

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
    ) -> None:
        self.model, self.loss, self.regularizer, self.negatives = model, loss, regularizer, negatives
        self.queries = queries
        self.generator = generator
        self.dense_rows = model.n_entities if dense else None
        self.n = len(queries)
        check = negatives.filtered and loss.FILTERED
        self.false_negatives = FalseNegatives(queries) if check else None
        self._entities, self._relations = RowGradient(), RowGradient()

    def __call__(self, batch: Tensor) -> Gradient:
        queries, model = self.queries, self.model
        answer = queries.answer[batch]
        weights = queries.weight[batch].to(model.entities.dtype)
        weights = weights / weights.sum()
        rows = QueryRows(model, queries.entity[batch], queries.relation[batch], self.generator)
        t = model.entities.index_select(0, answer).requires_grad_()
        drawn = self.negatives.draw(len(batch), model.n_entities, self.generator)
        valid = None
        if self.false_negatives is not None:
            valid = self.false_negatives.valid(queries.group[batch], drawn)
        entities, relations = self._entities, self._relations
        entities.clear()
        relations.clear()
        if model.DOT_PRODUCT:
            backward = self._by_products
        else:
            backward = self._by_differences if model.DISTANCE else self._by_autograd
        loss = backward(rows, t, drawn, valid, weights, entities)
        rows.collect(entities, relations)
        if t.grad is not None:
            entities.add(answer, t.grad)
        return Gradient(loss, entities.reduce(self.dense_rows), relations.reduce())

    def _by_products(
        self,
        rows: QueryRows,
        t: Tensor,
        drawn: Tensor,
        valid: Tensor | None,
        weights: Tensor,
        entities: RowGradient,
    ) -> Tensor:
        """The gradient of the scores is cheap, and reaches query and candidates by products."""
        model, query, true = self.model, rows.query.detach(), t.detach()
        candidates = model.entities.index_select(0, drawn) if drawn.dim() == 1 else None
        negative = dot_products(query, model.entities, drawn) if candidates is None else query @ candidates.T
        loss, at_positive, at_negative = self._score_gradient((query * true).sum(1), negative, valid, weights)
        at_query = at_positive[:, None] * true
        if candidates is None:
            at_query += embedding_bag(drawn, model.entities, mode="sum", per_sample_weights=at_negative)
            entities.add_outer(drawn, at_negative, query)
        else:
            at_query.addmm_(at_negative, candidates)
            entities.add(drawn, at_negative.T @ query)
        t.grad = at_positive[:, None] * query
        return loss + self._backward([rows.query], [at_query], rows, t)

    def _by_differences(
        self,
        rows: QueryRows,
        t: Tensor,
        drawn: Tensor,
        valid: Tensor | None,
        weights: Tensor,
        entities: RowGradient,
    ) -> Tensor:
        """A score changes with query and candidate along their difference, in opposite directions."""
        model, query = self.model, rows.query.detach()
        positive, at_true = model.slope(query - t.detach())
        chunk = max(1, GATHERED_NUMBERS // (drawn.shape[-1] * query.shape[1]))
        parts = [slice(start, min(start + chunk, len(query))) for start in range(0, len(query), chunk)]
        if drawn.dim() == 1:
            candidates = model.entities.index_select(0, drawn)
            negative = model.score_candidates(query, candidates)
        else:
            slopes = query.new_empty(*drawn.shape, query.shape[1])
            negative = query.new_empty(drawn.shape)
            for part in parts:
                gathered = model.entities.index_select(0, drawn[part].flatten()).view_as(slopes[part])
                torch.sub(query[part, None], gathered, out=slopes[part])
                negative[part], _ = model.slope(slopes[part])
        loss, at_positive, at_negative = self._score_gradient(positive, negative, valid, weights)
        t.grad = at_true.mul_(at_positive[:, None])
        at_query = -t.grad
        if drawn.dim() == 1:
            at_candidates = torch.zeros_like(candidates)
            for part in parts:
                _, at = model.slope(query[part, None] - candidates)
                at.mul_(at_negative[part, :, None])
                at_query[part] -= at.sum(1)
                at_candidates += at.sum(0)
            entities.add(drawn, at_candidates)
        else:
            for part in parts:
                slopes[part].mul_(at_negative[part, :, None])
                at_query[part] -= slopes[part].sum(1)
            entities.add(drawn.flatten(), slopes.view(-1, query.shape[1]))
        return loss + self._backward([rows.query], [at_query], rows, t)

    def _score_gradient(
        self, positive: Tensor, negative: Tensor, valid: Tensor | None, weights: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The loss and its gradient with respect to the scores (b,) and (b, n)."""
        if type(self.model).transform_scores is Model.transform_scores:
            return self.loss.sampled_gradient(positive, negative, valid, weights)
        positive.requires_grad_()
        negative.requires_grad_()
        transform = self.model.transform_scores
        loss = self.loss.sampled(transform(positive), transform(negative), valid, weights)
        at_positive, at_negative = torch.autograd.grad(loss, (positive, negative))
        return loss.detach(), at_positive, at_negative

    def _by_autograd(
        self,
        rows: QueryRows,
        t: Tensor,
        drawn: Tensor,
        valid: Tensor | None,
        weights: Tensor,
        entities: RowGradient,
    ) -> Tensor:
        model = self.model
        candidates = model.entities.index_select(0, drawn.flatten()).view(*drawn.shape, -1).requires_grad_()
        positive = model.score_candidates(rows.query, t[:, None]).squeeze(1)
        negative = model.score_candidates(rows.query, candidates)
        loss = self.loss.sampled(
            model.transform_scores(positive), model.transform_scores(negative), valid, weights
        )
        penalty = self._backward([loss], [None], rows, t)
        assert candidates.grad is not None
        entities.add(drawn.flatten(), candidates.grad.reshape(-1, candidates.shape[-1]))
        return loss.detach() + penalty

    def _backward(
        self, roots: list[Tensor], gradients: list[Tensor | None], rows: QueryRows, t: Tensor
    ) -> Tensor:
        """Backward from the roots and the regulariser together, so that the query's graph is walked once.

        Returns:
            The scalar cost of the regulariser.
        """
        cost = torch.zeros((), device=t.device)
        if self.regularizer.weight:
            cost = self.regularizer.penalty(rows.h, rows.r, t, rows.query).mean() * self.regularizer.weight
            roots, gradients = [*roots, cost], [*gradients, None]
        torch.autograd.backward(roots, gradients)
        return cost.detach()


def dot_products(query: Tensor, table: Tensor, ids: Tensor) -> Tensor:
    """(b, n) scores of rows `ids` (b, n) of a table for queries (b, width), without gradient.

    A few queries at a time, so that the gathered rows are used while they are in the cache.
    """
    scores = query.new_empty(ids.shape)
    chunk = max(1, GATHERED_NUMBERS // (ids.shape[1] * table.shape[1]))
    for start in range(0, len(query), chunk):
        part = slice(start, min(start + chunk, len(query)))
        rows = table.index_select(0, ids[part].flatten()).view(*ids[part].shape, -1)
        torch.bmm(query[part, None], rows.transpose(1, 2), out=scores[part, None])
    return scores
