"""Softmax cross entropy (CE)."""

from __future__ import annotations

import torch
from torch import Tensor

from kgtuner.errors import ConfigError
from kgtuner.losses.base import Answers, Loss, ScoreGradient, masked_sum, weighted
from kgtuner.losses.binary_cross_entropy import smoothing

MASKED = -1e30
"""The score of a candidate that is none: no other is as low, and its exponential is 0."""


class CrossEntropy(Loss):
    """-log of the softmax probability of the right answer among its candidates.

    With several right answers (kVsAll) the target is spread evenly over them. Sampled negatives that
    are true triples stay in, as in the published runs.

    Args:
        label_smoothing: share of the target that is spread over all candidates.
        reduction: with all entities as candidates, "mean" weighs queries so that the batch counts once;
            "sum" adds unweighted losses up, which is what the published runs did while their
            regulariser was a mean.

    Source: Lacroix et al. (2018), eq. 2, https://arxiv.org/abs/1806.07297 (their full multi-class log-loss)
    """

    FILTERED = False

    def __init__(self, *, label_smoothing: float = 0.0, reduction: str = "mean") -> None:
        if reduction not in ("mean", "sum"):
            raise ConfigError(f"loss.reduction must be mean or sum, got {reduction!r}")
        self.label_smoothing = smoothing(label_smoothing)
        self.reduction = reduction

    def sampled(self, positive: Tensor, negative: Tensor, valid: Tensor | None, weights: Tensor) -> Tensor:
        seen = negative if valid is None else negative.masked_fill(~valid, MASKED)
        losses = torch.cat([positive[:, None], seen], 1).logsumexp(1)
        losses = losses - (1 - self.label_smoothing) * positive
        if self.label_smoothing:
            count = 1 + (negative.shape[1] if valid is None else valid.sum(1))
            losses = losses - self.label_smoothing * (positive + masked_sum(negative, valid)) / count
        return weighted(losses, weights)

    def sampled_gradient(
        self, positive: Tensor, negative: Tensor, valid: Tensor | None, weights: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        if self.label_smoothing:
            return super().sampled_gradient(positive, negative, valid, weights)
        if valid is not None:
            negative = negative.masked_fill(~valid, MASKED)  # a share of 0, and so a gradient of 0
        top = torch.maximum(positive, negative.amax(1))
        shares = negative.sub(top[:, None]).exp_()
        own = (positive - top).exp_()
        total = shares.sum(1).add_(own)
        losses = total.log() + top - positive
        scale = weights / total
        return weighted(losses, weights), own.mul_(scale).sub_(weights), shares.mul_(scale[:, None])

    def all_entities(self, scores: Tensor, answers: Answers) -> ScoreGradient:
        rows, columns = answers.rows, answers.columns
        weights = answers.weights if self.reduction == "mean" else torch.ones_like(answers.weights)
        full = weights.dtype
        share = ((1.0 - self.label_smoothing) / answers.counts)[rows]
        right = scores[rows, columns].to(full)
        average = scores.mean(1, dtype=full) if self.label_smoothing else None
        # The probabilities come first, in place; the log of the total follows from one score and its probability.
        top = scores.amax(1).to(full)
        probabilities = torch.softmax(scores, 1, out=scores)
        log_total = top - probabilities.amax(1).to(full).log()
        losses = log_total.index_add(0, rows, -share * right)
        at_answers = (right - log_total[rows]).exp() - share
        if average is not None:
            spread = self.label_smoothing / scores.shape[1]
            losses = losses - self.label_smoothing * average
            probabilities.sub_(spread)
            at_answers -= spread
        probabilities[rows, columns] = 0
        return ScoreGradient(weighted(losses, weights), probabilities, weights, at_answers * weights[rows])
