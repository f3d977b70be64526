"""The gradient of one batch, against sampled negatives or against all entities.

A step gathers the rows it needs, so that autograd works on a few thousand rows and never on the
tables. For models that score by a dot product the gradient crosses from scores to rows by matmuls
written here; the others go through autograd.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

from kgtuner.losses import Answers, Loss, ScoreGradient
from kgtuner.models import Model
from kgtuner.negatives import NegativeSampler
from kgtuner.regularizers import Regularizer
from kgtuner.training.queries import FalseNegatives, TrainingQueries
from kgtuner.training.row_gradient import RowGradient

GATHERED_NUMBERS = 1 << 19
"""Numbers gathered at once: 2 MB in float32."""


@dataclass(frozen=True)
class Gradient:
    """What one batch asks of the parameters.

    Attributes:
        loss: scalar, without gradient.
        entities, relations: rows (None for all) and their gradients. Gradients of layers are in `.grad`.
    """

    loss: Tensor
    entities: tuple[Tensor | None, Tensor]
    relations: tuple[Tensor | None, Tensor]


class QueryRows:
    """The rows behind a batch of directed queries, and the vectors the model makes of them."""

    def __init__(self, model: Model, entity: Tensor, relation: Tensor, generator: torch.Generator) -> None:
        self.entity = entity
        self.relation, inverse = model.relation_rows(relation)
        self.h = model.entities.index_select(0, entity).requires_grad_()
        self.r = model.relations.index_select(0, self.relation).requires_grad_()
        h, r = drop(self.h, model.dropout, generator), drop(self.r, model.dropout, generator)
        self.query = model.query(h, r, inverse)

    def collect(self, entities: RowGradient | None, relations: RowGradient) -> None:
        """Hand the gradients that reached h and r on to the tables."""
        if entities is not None and self.h.grad is not None:
            entities.add(self.entity, self.h.grad)
        if self.r.grad is None:  # a query that does not depend on r, as DistMult's with r dropped whole
            self.r.grad = torch.zeros_like(self.r)
        relations.add(self.relation, self.r.grad)


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


class AllEntitiesStep:
    """Each query against every entity: 1vsAll with one right answer a query, kVsAll with all of them.

    Three matmuls make almost all of its cost: scores, and their gradient to queries and to entities.
    With `low_precision` these run in bfloat16, with sums in float32 inside the matmul; parameters,
    losses and the gradient of each right answer stay in full precision. The entity gradient is dense.
    Rows of the batch are taken in chunks, so that the scores stay within `SCORE_NUMBERS` numbers.
    """

    SCORE_NUMBERS = 1 << 26
    """Scores held at once: 256 MB in float32."""

    def __init__(
        self,
        model: Model,
        loss: Loss,
        regularizer: Regularizer,
        queries: TrainingQueries,
        generator: torch.Generator,
        *,
        every_answer: bool,
        low_precision: bool = False,
    ) -> None:
        self.model, self.loss, self.regularizer = model, loss, regularizer
        self.queries = queries
        self.generator = generator
        self.every_answer = every_answer
        self.n = len(queries.group_entity) if every_answer else len(queries)
        self.chunk = max(1, self.SCORE_NUMBERS // model.n_entities)
        self.dtype = torch.bfloat16 if low_precision else model.entities.dtype
        table = model.entities.detach()
        self._entity_gradient = torch.zeros_like(table)
        self._entities = torch.empty_like(table, dtype=self.dtype) if low_precision else table
        self._part = torch.empty_like(self._entities) if low_precision else self._entity_gradient
        self._scores = torch.empty(0, dtype=self.dtype, device=table.device)

    def __call__(self, batch: Tensor) -> Gradient:
        queries, model = self.queries, self.model
        full = model.entities.dtype
        if self.every_answer:
            entity, relation = queries.group_entity[batch], queries.group_relation[batch]
            answer_rows, answer_columns = queries.expand(batch)
            weights = torch.full((len(batch),), 1 / len(batch), dtype=full, device=batch.device)
        else:
            entity, relation = queries.entity[batch], queries.relation[batch]
            answer_rows, answer_columns = torch.arange(len(batch), device=batch.device), queries.answer[batch]
            weights = queries.weight[batch].to(full)
            weights = weights / weights.sum()
        rows = QueryRows(model, entity, relation, self.generator)
        query = rows.query.detach()
        at_query = torch.empty_like(query)
        gradient = self._entity_gradient
        if self._entities.dtype != full:
            self._entities.copy_(model.entities)
        counts = torch.bincount(answer_rows, minlength=len(batch)).to(full)
        loss = torch.zeros((), device=batch.device)
        t = model.entities.index_select(0, answer_columns).requires_grad_()
        at_answers = torch.empty(len(answer_rows), dtype=full, device=batch.device)
        for start in range(0, len(batch), self.chunk):
            part = slice(start, min(start + self.chunk, len(batch)))
            inside = (answer_rows >= part.start) & (answer_rows < part.stop)
            answers = Answers(
                answer_rows[inside] - start, answer_columns[inside], counts[part], weights[part]
            )
            at = self._score_gradient(query[part], answers)
            loss = loss + at.loss
            at_answers[inside] = at.at_answers
            torch.mul((at.everywhere @ self._entities).to(full), at.weights[:, None], out=at_query[part])
            weighted = (query[part] * at.weights[:, None]).to(self.dtype)
            if start == 0 and self.dtype == full:
                torch.mm(at.everywhere.T, weighted, out=gradient)
            elif start == 0:
                gradient.copy_(torch.mm(at.everywhere.T, weighted, out=self._part))
            elif self.dtype == full:
                gradient.addmm_(at.everywhere.T, weighted)
            else:
                gradient.add_(torch.mm(at.everywhere.T, weighted, out=self._part))
        at_query.index_add_(0, answer_rows, at_answers[:, None] * t.detach())
        gradient.index_add_(0, answer_columns, at_answers[:, None] * query[answer_rows])
        roots, at_roots = [rows.query], [at_query]
        if self.regularizer.weight:
            of = answer_rows
            penalty = self.regularizer.penalty(rows.h[of], rows.r[of], t, rows.query[of])
            cost = penalty.mean() * self.regularizer.weight
            loss = loss + cost.detach()
            roots, at_roots = [*roots, cost], [*at_roots, None]  # type: ignore[list-item]
        torch.autograd.backward(roots, at_roots)
        relations = RowGradient()
        rows.collect(None, relations)
        if rows.h.grad is not None:
            gradient.index_add_(0, entity, rows.h.grad)
        if t.grad is not None:
            gradient.index_add_(0, answer_columns, t.grad)
        return Gradient(loss, (None, gradient), relations.reduce())

    def _score_gradient(self, query: Tensor, answers: Answers) -> ScoreGradient:
        if len(self._scores) < len(query):
            self._scores = self._scores.new_empty(len(query), self.model.n_entities)
        scores = torch.mm(query.to(self.dtype), self._entities.T, out=self._scores[: len(query)])
        if type(self.model).transform_scores is Model.transform_scores:
            return self.loss.all_entities(scores, answers)
        scores.requires_grad_()
        with torch.enable_grad():
            seen = self.model.transform_scores(scores)
        at_seen = self.loss.all_entities(seen.detach().clone(), answers)
        (at_scores,) = torch.autograd.grad(seen, scores, at_seen.dense(answers))
        scores.requires_grad_(False)
        return replace(
            at_seen,
            everywhere=at_scores,
            weights=torch.ones_like(at_seen.weights),
            at_answers=torch.zeros_like(at_seen.at_answers),
        )


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


def drop(rows: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Set a share of the coordinates to zero and scale the rest up, from our own generator."""
    if share == 0:
        return rows
    kept = torch.empty_like(rows, requires_grad=False).bernoulli_(1 - share, generator=generator)
    return rows * kept.div_(1 - share)
