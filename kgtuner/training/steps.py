"""The gradient of one batch, against sampled negatives or against all entities.

A step gathers the rows it needs, so that autograd works on a few thousand rows and never on the
tables. For models that score by a dot product the gradient crosses from scores to rows by matmuls
written here; the others go through autograd.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

from kgtuner.losses import Answers, Loss
from kgtuner.models import Model
from kgtuner.negatives import NegativeSampler
from kgtuner.regularizers import Regularizer
from kgtuner.training.queries import FalseNegatives, TrainingQueries
from kgtuner.training.row_gradient import RowGradient


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
        self.h = model.entities[entity].requires_grad_()
        self.r = model.relations[self.relation].requires_grad_()
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

    def __call__(self, batch: Tensor) -> Gradient:
        queries, model = self.queries, self.model
        answer = queries.answer[batch]
        weights = queries.weight[batch].to(model.entities.dtype)
        weights = weights / weights.sum()
        rows = QueryRows(model, queries.entity[batch], queries.relation[batch], self.generator)
        t = model.entities[answer].requires_grad_()
        drawn = self.negatives.draw(len(batch), model.n_entities, self.generator)
        valid = None
        if self.false_negatives is not None:
            valid = self.false_negatives.valid(queries.group[batch], drawn)
        entities, relations = RowGradient(), RowGradient()
        backward = self._by_products if model.DOT_PRODUCT else self._by_autograd
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
        """Scores as leaves: their gradient is cheap, and reaches query and candidates by products."""
        model, query = self.model, rows.query.detach()
        candidates = model.entities[drawn]
        positive = (query * t.detach()).sum(1).requires_grad_()
        negative = model.score_candidates(query, candidates).requires_grad_()
        loss = self.loss.sampled(
            model.transform_scores(positive), model.transform_scores(negative), valid, weights
        )
        torch.autograd.backward(loss)
        assert positive.grad is not None
        assert negative.grad is not None
        at_query = positive.grad[:, None] * t.detach()
        if drawn.dim() == 1:
            at_query.addmm_(negative.grad, candidates)
            entities.add(drawn, negative.grad.T @ query)
        else:
            at_query += embedding_bag(drawn, model.entities, mode="sum", per_sample_weights=negative.grad)
            entities.add_outer(drawn, negative.grad, query)
        t.grad = positive.grad[:, None] * query
        return loss.detach() + self._backward([rows.query], [at_query], rows, t)

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
        candidates = model.entities[drawn].requires_grad_()
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

    The entity gradient is dense. Rows of the batch are taken in chunks, so that the two
    (rows, entities) matrices of scores stay within `SCORE_NUMBERS` numbers each.
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
    ) -> None:
        self.model, self.loss, self.regularizer = model, loss, regularizer
        self.queries = queries
        self.generator = generator
        self.every_answer = every_answer
        self.n = len(queries.group_entity) if every_answer else len(queries)
        self.chunk = max(1, self.SCORE_NUMBERS // model.n_entities)
        self._entity_gradient = torch.zeros_like(model.entities, requires_grad=False)

    def __call__(self, batch: Tensor) -> Gradient:
        queries, model = self.queries, self.model
        if self.every_answer:
            entity, relation = queries.group_entity[batch], queries.group_relation[batch]
            answer_rows, answer_columns = queries.expand(batch)
            weights = torch.full(
                (len(batch),), 1 / len(batch), dtype=model.entities.dtype, device=batch.device
            )
        else:
            entity, relation = queries.entity[batch], queries.relation[batch]
            answer_rows, answer_columns = torch.arange(len(batch), device=batch.device), queries.answer[batch]
            weights = queries.weight[batch].to(model.entities.dtype)
            weights = weights / weights.sum()
        rows = QueryRows(model, entity, relation, self.generator)
        query = rows.query.detach()
        at_query = torch.empty_like(query)
        gradient = self._entity_gradient.zero_()
        counts = torch.bincount(answer_rows, minlength=len(batch)).to(query.dtype)
        loss = torch.zeros((), device=batch.device)
        for start in range(0, len(batch), self.chunk):
            part = slice(start, min(start + self.chunk, len(batch)))
            inside = (answer_rows >= part.start) & (answer_rows < part.stop)
            answers = Answers(
                answer_rows[inside] - start, answer_columns[inside], counts[part], weights[part]
            )
            part_loss, at_scores = self._score_gradient(query[part], answers)
            loss = loss + part_loss
            torch.mm(at_scores, model.entities, out=at_query[part])
            gradient.addmm_(at_scores.T, query[part])
        roots, at_roots = [rows.query], [at_query]
        t = model.entities[answer_columns].requires_grad_()
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

    def _score_gradient(self, query: Tensor, answers: Answers) -> tuple[Tensor, Tensor]:
        scores = self.model.score_candidates(query, self.model.entities)
        if type(self.model).transform_scores is Model.transform_scores:
            return self.loss.all_entities(scores, answers)
        scores.requires_grad_()
        with torch.enable_grad():
            seen = self.model.transform_scores(scores)
        loss, at_seen = self.loss.all_entities(seen.detach().clone(), answers)
        (at_scores,) = torch.autograd.grad(seen, scores, at_seen)
        return loss, at_scores


def drop(rows: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Set a share of the coordinates to zero and scale the rest up, from our own generator."""
    if share == 0:
        return rows
    kept = torch.empty_like(rows, requires_grad=False).bernoulli_(1 - share, generator=generator)
    return rows * kept.div_(1 - share)
