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


class Loss(abc.ABC):
    """How far scores are from putting true triples above false ones; lower is better.

    `sampled` is differentiated by autograd: its inputs are small. `all_entities` returns the gradient
    with respect to the scores itself, written by hand and in the place of the scores, because on
    (batch, entities) numbers each pass that is saved counts. A test holds both against autograd of
    the plain definition.
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

    def all_entities(self, scores: Tensor, answers: Answers) -> tuple[Tensor, Tensor]:
        """The loss against all entities and its gradient with respect to the scores.

        Args:
            scores: (b, n_entities); overwritten.
            answers: the right answers of the batch.

        Returns:
            A scalar, and the (b, n_entities) gradient, which uses the memory of `scores`.
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
