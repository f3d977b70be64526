"""Binary cross entropy, with the negatives averaged (BCE_mean), summed (BCE_sum) or weighted (BCE_adv)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import softplus

from kgtuner.domains import Domain, Float
from kgtuner.errors import ConfigError
from kgtuner.losses.base import Answers, Loss, ScoreGradient, masked_mean, masked_sum, weighted


class BinaryCrossEntropy(Loss):
    """-log sigmoid(s+) plus the sum or the mean over negatives of -log sigmoid(-s-).

    With all entities as candidates each query has its right answers as positives and every other
    entity as a negative. "sum" adds all of them; "mean" divides the negatives by the number of
    entities, which is the same as weighting the positives by it.

    Args:
        label_smoothing: share of a positive's label that is spread over all candidates.
    """

    reduction: ClassVar[str]

    def __init__(self, *, label_smoothing: float = 0.0) -> None:
        self.label_smoothing = smoothing(label_smoothing)

    def sampled(self, positive: Tensor, negative: Tensor, valid: Tensor | None, weights: Tensor) -> Tensor:
        reduce = masked_sum if self.reduction == "sum" else masked_mean
        # softplus(-s) = -log sigmoid(s); a label y instead of 1 subtracts (y - 1) s, instead of 0 subtracts y s.
        losses = softplus(-positive) + reduce(softplus(negative), valid)
        if self.label_smoothing:
            spread = self.label_smoothing / (negative.shape[1] + 1)
            losses = losses + (self.label_smoothing - spread) * positive - spread * reduce(negative, valid)
        return weighted(losses, weights)

    def all_entities(self, scores: Tensor, answers: Answers) -> ScoreGradient:
        rows, columns, weights = answers.rows, answers.columns, answers.weights
        full = weights.dtype
        right = scores[rows, columns].to(full)
        n = scores.shape[1]
        negative_share = 1.0 if self.reduction == "sum" else 1.0 / n
        keep = 1.0 - self.label_smoothing
        spread = self.label_smoothing / n
        # Per query: sum over right answers of softplus(-s), the rest as negatives of softplus(s) * share.
        everything = softplus(scores).sum(1, dtype=full)
        if spread:
            everything = everything - spread * scores.sum(1, dtype=full)
        correction = softplus(right) * (1 - negative_share) - right * (
            keep + spread - spread * negative_share
        )
        losses = (everything * negative_share).index_add(0, rows, correction)
        # The gradient is sigmoid(s) - label, with the share on the negatives.
        at_right = (torch.sigmoid(right) - (keep + spread)) * weights[rows]
        gradient = scores.sigmoid_()
        if spread:
            gradient.sub_(spread)
        gradient[rows, columns] = 0
        return ScoreGradient(weighted(losses, weights), gradient, weights * negative_share, at_right)


class BCEMean(BinaryCrossEntropy):
    """BCE with the negatives averaged."""

    reduction = "mean"


class BCESum(BinaryCrossEntropy):
    """BCE with the negatives summed."""

    reduction = "sum"


class BCEAdversarial(Loss):
    """BCE with negatives weighted by softmax(temperature * s-): the hard ones count most.

    No gradient flows through the weights. Source: Sun et al. (2019), eq. 5 and 6, https://arxiv.org/abs/1902.10197
    """

    SPACE: ClassVar[Mapping[str, Domain]] = {"adversarial_temperature": Float(0.5, 2.0)}
    ALL_ENTITIES = False

    def __init__(self, *, adversarial_temperature: float = 1.0) -> None:
        self.adversarial_temperature = float(adversarial_temperature)

    def sampled(self, positive: Tensor, negative: Tensor, valid: Tensor | None, weights: Tensor) -> Tensor:
        logits = self.adversarial_temperature * negative.detach()
        if valid is not None:
            logits = logits.masked_fill(~valid, -1e30)  # not -inf: a row may have no valid negative
        share = logits.softmax(1)
        return weighted(softplus(-positive) + masked_sum(share * softplus(negative), valid), weights)


def smoothing(value: float) -> float:
    if not 0 <= value < 1:
        raise ConfigError(f"loss.label_smoothing must be in [0, 1), got {value!r}")
    return float(value)
