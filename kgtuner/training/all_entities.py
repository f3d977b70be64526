"""The gradient of one batch against all entities."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from kgtuner.losses import Answers, Loss, ScoreGradient
from kgtuner.models import Model
from kgtuner.regularizers import Regularizer
from kgtuner.training.accumulated import Accumulated
from kgtuner.training.queries import TrainingQueries
from kgtuner.training.steps import Gradient, QueryRows


class AllEntitiesStep:
    """Each query against every entity: 1vsAll with one right answer a query, kVsAll with all of them.

    Three matmuls make almost all of its cost: scores, and their gradient to queries and to entities.
    With `low_precision` these run in bfloat16, with sums in float32 inside the matmul; parameters,
    losses and the gradient of each right answer stay in full precision. The entity gradient is dense.
    Rows of the batch are taken in chunks, so that the scores stay within `SCORE_NUMBERS` numbers; with `at_once`
    what the model makes of a batch is made for so many queries at a time as well.
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
        at_once: int | None = None,
    ) -> None:
        self.model, self.loss, self.regularizer = model, loss, regularizer
        self.queries = queries
        self.generator = generator
        self.every_answer = every_answer
        self.at_once = at_once
        self.n = len(queries.group_entity) if every_answer else len(queries)
        self.chunk = max(1, self.SCORE_NUMBERS // model.n_entities)
        self.dtype = torch.bfloat16 if low_precision else model.entities.dtype
        table = model.entities.detach()
        self._entity_gradient = torch.zeros_like(table)
        self._entities = torch.empty_like(table, dtype=self.dtype) if low_precision else table
        self._part = torch.empty_like(self._entities) if low_precision else self._entity_gradient
        self._scores = torch.empty(0, dtype=self.dtype, device=table.device)

    def __call__(self, batch: Tensor) -> Gradient:
        if self.at_once is None or len(batch) <= self.at_once:
            return self._gradient(batch, batch, fresh=True)
        relation = (self.queries.group_relation if self.every_answer else self.queries.relation)[batch]
        relations = Accumulated(self.model.relations, self.model.relation_rows(relation)[0])
        loss = torch.zeros((), device=batch.device)
        for start in range(0, len(batch), self.at_once):
            at = self._gradient(batch[start : start + self.at_once], batch, fresh=start == 0)
            relations.add(*at.relations)
            loss = loss + at.loss
        return Gradient(loss, (None, self._entity_gradient), relations.gradient)

    def _gradient(self, batch: Tensor, whole: Tensor, *, fresh: bool) -> Gradient:
        """The gradient of some queries of a whole batch.

        Args:
            fresh: whether that of entities begins here; else it is added to what is there.
        """
        queries, model = self.queries, self.model
        full = model.entities.dtype
        if self.every_answer:
            entity, relation = queries.group_entity[batch], queries.group_relation[batch]
            answer_rows, answer_columns = queries.expand(batch)
            weights = torch.full((len(batch),), 1 / len(whole), dtype=full, device=batch.device)
        else:
            entity, relation = queries.entity[batch], queries.relation[batch]
            answer_rows, answer_columns = torch.arange(len(batch), device=batch.device), queries.answer[batch]
            weights = queries.weight[batch].to(full)
            weights = weights / (weights if batch is whole else queries.weight[whole].to(full)).sum()
        rows = QueryRows(model, entity, relation, self.generator)
        query = rows.query.detach()
        at_query = torch.empty_like(query)
        gradient = self._entity_gradient
        if fresh and self._entities.dtype != full:
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
            first = fresh and start == 0
            if first and self.dtype == full:
                torch.mm(at.everywhere.T, weighted, out=gradient)
            elif first:
                gradient.copy_(torch.mm(at.everywhere.T, weighted, out=self._part))
            elif self.dtype == full:
                gradient.addmm_(at.everywhere.T, weighted)
            else:
                gradient.add_(torch.mm(at.everywhere.T, weighted, out=self._part))
        at_query.index_add_(0, answer_rows, at_answers[:, None] * t.detach())
        gradient.index_add_(0, answer_columns, at_answers[:, None] * query[answer_rows])
        root = rows.with_gradient(at_query)
        if self.regularizer.weight:
            of = answer_rows
            penalty = self.regularizer.penalty(rows.h[of], rows.r[of], t, rows.query[of])
            cost = penalty.mean() * self.regularizer.weight
            if batch is not whole:
                of_all = int(queries.answer_counts(whole).sum()) if self.every_answer else len(whole)
                cost = cost * (len(of) / of_all)
            loss = loss + cost.detach()
            root = root + cost
        torch.autograd.backward(root)
        if rows.h.grad is not None:
            gradient.index_add_(0, entity, rows.h.grad)
        if t.grad is not None:
            gradient.index_add_(0, answer_columns, t.grad)
        return Gradient(loss, (None, gradient), rows.relation_gradient())

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
