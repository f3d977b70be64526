"""What a loss sees of a batch, with sampled negatives or with all entities as candidates."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from kgtuner.domains import Domain


@dataclass(frozen=True)
class Answers:
    """The right answers among all entities for a batch of queries, as a sparse 0/1 matrix.

    Attributes:
        rows, columns: (p,) int64, the query and the entity of each right answer, sorted by row.
        counts: (b,) float, right answers per query, at least 1.
        weights: (b,) float, how much each query counts.
    """

    rows: Tensor
    columns: Tensor
    counts: Tensor
    weights: Tensor


@dataclass(frozen=True)
class ScoreGradient:
    """A loss against all entities and its gradient with respect to the (b, n) scores, in two parts.

    The gradient is `weights[:, None] * everywhere`, plus `at_answers` at the right answers. The right
    answers stand apart because there the gradient is often a small difference, p - 1, that the low
    precision of a large matrix would lose; and the weights do, because they scale a query for less.

    Attributes:
        loss: scalar.
        everywhere: (b, n) in the memory and the precision of the scores, 0 at the right answers.
        weights: (b,).
        at_answers: (p,) in full precision, in the order of `Answers`.
    """

    loss: Tensor
    everywhere: Tensor
    weights: Tensor
    at_answers: Tensor

    def dense(self, answers: Answers) -> Tensor:
        """The gradient as one (b, n) matrix, in the memory of `everywhere`."""
        gradient = self.everywhere.mul_(self.weights[:, None])
        gradient[answers.rows, answers.columns] = self.at_answers.to(gradient.dtype)
        return gradient


class Loss(abc.ABC):
    """How far scores are from putting true triples above false ones; lower is better.

    `sampled` is the definition with negatives, which autograd can differentiate. `all_entities` returns
    the gradient with respect to the scores itself, written by hand and in the place of the scores,
    because on (batch, entities) numbers each pass that is saved counts. A test holds both against
    autograd of the plain definition.
    """

    SPACE: ClassVar[Mapping[str, Domain]] = {}
    ALL_ENTITIES: ClassVar[bool] = True
    """Whether the loss is defined with all entities as candidates (1vsAll, kVsAll)."""
    FILTERED: ClassVar[bool] = True
    """Whether sampled negatives that are true triples are left out (the paper: not under CE)."""

    @abc.abstractmethod
    def sampled(self, positive: Tensor, negative: Tensor, valid: Tensor | None, weights: Tensor) -> Tensor:
        """The mean loss of a batch with its own negatives.

        Args:
            positive: (b,) scores of the true triples.
            negative: (b, n) scores of their negatives.
            valid: (b, n) bool, False where a negative is a true triple; None when none was checked.
            weights: (b,) weights of the positives, with sum 1.

        Returns:
            A scalar.
        """

    def sampled_gradient(
        self, positive: Tensor, negative: Tensor, valid: Tensor | None, weights: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """`sampled` with its gradient with respect to the scores; a loss may know a shorter way than autograd.

        Returns:
            The scalar loss, and its gradient at `positive` (b,) and at `negative` (b, n).
        """
        positive, negative = positive.detach().requires_grad_(), negative.detach().requires_grad_()
        loss = self.sampled(positive, negative, valid, weights)
        at_positive, at_negative = torch.autograd.grad(loss, (positive, negative))
        return loss.detach(), at_positive, at_negative

    def all_entities(self, scores: Tensor, answers: Answers) -> ScoreGradient:
        """The loss against all entities and its gradient with respect to the scores.

        Args:
            scores: (b, n_entities), perhaps in bfloat16; overwritten.
            answers: the right answers of the batch.
        """
        raise NotImplementedError(f"{type(self).__name__} needs sampled negatives")  # kept out by the space


def masked_mean(values: Tensor, valid: Tensor | None) -> Tensor:
    """Mean over the last axis of (b, n) values where `valid`; 0 where nothing is."""
    if valid is None:
        return values.mean(-1)
    return (values * valid).sum(-1) / valid.sum(-1).clamp_min(1)


def masked_sum(values: Tensor, valid: Tensor | None) -> Tensor:
    """Sum over the last axis of (b, n) values where `valid`."""
    return values.sum(-1) if valid is None else (values * valid).sum(-1)


def weighted(losses: Tensor, weights: Tensor) -> Tensor:
    """The weighted sum of (b,) losses; weights have sum 1, so this is a mean."""
    return torch.dot(losses, weights)
