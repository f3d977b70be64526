"""True answers against sampled negatives: what the scores of a batch ask of its queries and candidates.

For models that score by a dot product the gradient crosses from scores to rows by matmuls written here, for
distance models along the differences of query and candidate; others go through autograd.
"""

from __future__ import annotations

import abc
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

from kgtuner.losses import Loss
from kgtuner.models import Model
from kgtuner.training.row_gradient import RowSums, TouchedRows

GATHERED_NUMBERS = 1 << 18
"""Numbers gathered at once: 1 MB in float32."""


@dataclass(frozen=True)
class Contest:
    """True answers of b queries against the candidates drawn for them.

    Attributes:
        query, true: (b, width), without gradient.
        drawn: entity ids, (b, n) or (n,) for all queries together.
        valid: (b, n) bool, False where a candidate is a right answer too or of another type; None when none is.
        weights: (b,), with sum 1.
        touched: the entity rows of what was drawn, of the true answers and of those asked with, in this order.
    """

    query: Tensor
    true: Tensor
    drawn: Tensor
    valid: Tensor | None
    weights: Tensor
    touched: TouchedRows


@dataclass(frozen=True)
class ContestGradient(abc.ABC):
    """What a contest asks of its rows.

    Attributes:
        loss: scalar.
        at_query, at_true: (b, width).
    """

    loss: Tensor
    at_query: Tensor
    at_true: Tensor

    @abc.abstractmethod
    def at_entities(
        self, contest: Contest, at_true: Tensor, at_asked: Tensor | None
    ) -> tuple[Tensor | None, Tensor | RowSums]:
        """Rows of entities, None for all, and their gradient, as in `Gradient`.

        Args:
            at_true, at_asked: (b, width) all that reached the true answers and the entities asked with.
        """


@dataclass(frozen=True)
class DrawnGradient(ContestGradient):
    """The gradient of what was drawn as one vector for so many neighbouring ids.

    Attributes:
        at_drawn: (m + 2b, width) vectors, of which the last 2b are still to be filled. Each of the others is
            the gradient of its share of the ids in `drawn`, of so many neighbouring ones as there are for each.
        factors: (b * n,) what the vector is multiplied by for each id; None for 1.
    """

    at_drawn: Tensor
    factors: Tensor | None = None

    def at_entities(
        self, contest: Contest, at_true: Tensor, at_asked: Tensor | None
    ) -> tuple[Tensor | None, Tensor | RowSums]:
        b, drawn, at_drawn = len(contest.query), contest.drawn, self.at_drawn
        at_drawn[-2 * b : -b] = at_true
        at_drawn[-b:] = 0 if at_asked is None else at_asked
        m = len(at_drawn) - 2 * b
        index = torch.arange(len(at_drawn), dtype=torch.int32, device=drawn.device)
        if m < drawn.numel():
            index = torch.cat([index[:m].repeat_interleave(drawn.numel() // m), index[m:]])
        factors = None
        if self.factors is not None:
            factors = torch.cat([self.factors, self.factors.new_ones(2 * b)])
        return contest.touched.rows, contest.touched.sums(at_drawn, index, factors)


class Judge:
    """Scores a contest by plain operators, and finds the gradient of its loss."""

    ROWS: ClassVar[type[TouchedRows]] = TouchedRows

    def __init__(self, model: Model, loss: Loss, *, torch_compile: bool = False) -> None:
        self.model, self.loss = model, loss
        self.slope: Callable[[Tensor], tuple[Tensor, Tensor]] = model.slope
        self.sampled_gradient: Callable[..., tuple[Tensor, Tensor, Tensor]] = loss.sampled_gradient
        if torch_compile:
            from kgtuner.training.torch_compiled import compiled_gradient, compiled_slope  # loads Dynamo

            self.slope, self.sampled_gradient = compiled_slope(model), compiled_gradient(loss)
        self._memory = model.entities.new_empty(0, model.entities.shape[1])

    def touched(self, drawn: Tensor, ids: Tensor, n_rows: int | None) -> TouchedRows:
        """The rows that ids (p,) touch, for a contest with so drawn entities; `n_rows` as for `TouchedRows`."""
        return self.ROWS(ids, n_rows)

    def __call__(self, contest: Contest) -> ContestGradient:
        if self.model.DOT_PRODUCT:
            return self._by_products(contest)
        return self._by_differences(contest) if self.model.DISTANCE else self._by_autograd(contest)

    def _by_products(self, contest: Contest) -> ContestGradient:
        """The gradient of the scores is cheap, and reaches query and candidates by products."""
        table, query, true, drawn = self.model.entities, contest.query, contest.true, contest.drawn
        b, n = len(query), drawn.shape[-1]
        if drawn.dim() == 1:
            candidates = table.index_select(0, drawn)
            loss, at_positive, at_negative = self._score_gradient(
                (query * true).sum(1), query @ candidates.T, contest
            )
            at_query = at_negative @ candidates
            at_drawn, factors = self._room(n + 2 * b), None
            torch.mm(at_negative.T, query, out=at_drawn[:n])
        else:
            asked = torch.arange(b, dtype=torch.int32, device=query.device)
            asked = torch.cat([asked.repeat_interleave(n), asked, asked])
            scores = contest.touched.products(table, query, asked)
            negative, positive = scores[: b * n].view(b, n), scores[b * n : b * n + b]
            loss, at_positive, at_negative = self._score_gradient(positive, negative, contest)
            at_query = embedding_bag(drawn.int(), table, mode="sum", per_sample_weights=at_negative)
            at_drawn, factors = self._room(3 * b), at_negative.flatten()
            at_drawn[:b] = query
        at_query.addcmul_(at_positive[:, None], true)
        return DrawnGradient(loss, at_query, at_positive[:, None] * query, at_drawn, factors)

    def _by_differences(self, contest: Contest) -> ContestGradient:
        """A score falls along the difference of query and candidate, which both change in opposite directions."""
        model, table, query, drawn = self.model, self.model.entities, contest.query, contest.drawn
        (b, width), n = query.shape, drawn.shape[-1]
        positive, at_true = self.slope(contest.true - query)
        at_drawn = self._room(drawn.numel() + 2 * b)
        chunk = max(1, GATHERED_NUMBERS // (n * width))
        parts = [slice(start, min(start + chunk, b)) for start in range(0, b, chunk)]
        if drawn.dim() == 1:
            candidates = table.index_select(0, drawn)
            negative = model.score_candidates(query, candidates)
            loss, at_positive, at_negative = self._score_gradient(positive, negative, contest)
            at_query, factors = torch.empty_like(query), None
            at_drawn[:n] = 0
            for part in parts:
                _, slopes = self.slope(candidates - query[part, None])
                slopes.mul_(at_negative[part, :, None])
                torch.sum(slopes, 1, out=at_query[part])
                at_drawn[:n] -= slopes.sum(0)
        else:
            slopes, negative = at_drawn[: b * n].view(b, n, width), query.new_empty(b, n)
            for part in parts:
                gathered = embedding_bag(drawn[part].int().view(-1, 1), table, mode="sum")  # fetches ahead
                torch.sub(gathered.view(-1, n, width), query[part, None], out=slopes[part])
                negative[part], _ = self.slope(slopes[part])
            loss, at_positive, at_negative = self._score_gradient(positive, negative, contest)
            own = torch.arange(b * n, dtype=torch.int32, device=query.device).view(b, n)
            at_query = embedding_bag(own, at_drawn, mode="sum", per_sample_weights=at_negative)
            factors = -at_negative.flatten()
        at_query += at_true.mul_(at_positive[:, None])
        return DrawnGradient(loss, at_query, at_true.neg_(), at_drawn, factors)

    def _by_autograd(self, contest: Contest) -> ContestGradient:
        drawn, score, transform = contest.drawn, self.model.score_candidates, self.model.transform_scores
        query, true = contest.query.requires_grad_(), contest.true.requires_grad_()
        candidates = self.model.entities[drawn].requires_grad_()
        positive, negative = score(query, true[:, None])[:, 0], score(query, candidates)
        loss = self.loss.sampled(transform(positive), transform(negative), contest.valid, contest.weights)
        at_query, at_true, at_candidates = torch.autograd.grad(loss, (query, true, candidates))
        at_drawn = self._room(drawn.numel() + 2 * len(query))
        at_drawn[: drawn.numel()] = at_candidates.flatten(end_dim=-2)
        return DrawnGradient(loss.detach(), at_query, at_true, at_drawn)

    def _room(self, count: int) -> Tensor:
        """(count, width) numbers of any value, in memory that the next step uses again."""
        if len(self._memory) < count:
            self._memory = self._memory.new_empty(count, self._memory.shape[1])
        return self._memory[:count]

    def _score_gradient(
        self, positive: Tensor, negative: Tensor, contest: Contest
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The loss and its gradient with respect to the scores (b,) and (b, n)."""
        valid, weights = contest.valid, contest.weights
        if type(self.model).transform_scores is Model.transform_scores:
            return self.sampled_gradient(positive, negative, valid, weights)
        positive.requires_grad_()
        negative.requires_grad_()
        transform = self.model.transform_scores
        loss = self.loss.sampled(transform(positive), transform(negative), valid, weights)
        at_positive, at_negative = torch.autograd.grad(loss, (positive, negative))
        return loss.detach(), at_positive, at_negative
