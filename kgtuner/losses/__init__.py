"""Losses by name. A new loss is one file and one line here."""

from __future__ import annotations

from kgtuner.losses.base import Answers, Loss, ScoreGradient
from kgtuner.losses.binary_cross_entropy import BCEAdversarial, BCEMean, BCESum
from kgtuner.losses.cross_entropy import CrossEntropy
from kgtuner.losses.margin_ranking import MarginRanking

LOSSES: dict[str, type[Loss]] = {
    "margin_ranking": MarginRanking,
    "bce_mean": BCEMean,
    "bce_sum": BCESum,
    "bce_adversarial": BCEAdversarial,
    "cross_entropy": CrossEntropy,
}

__all__ = ["LOSSES", "Answers", "Loss", "ScoreGradient"]
