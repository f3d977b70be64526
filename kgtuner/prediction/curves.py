"""Curves from a score to a probability: Platt's logistic one and the isotonic one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from kgtuner.types import BoolArray, FloatArray


@dataclass(frozen=True)
class Platt:
    """1 / (1 + exp(-(slope * score + intercept))).

    Source: Platt (1999), Probabilistic Outputs for Support Vector Machines.
    """

    slope: float
    intercept: float

    def __call__(self, score: FloatArray) -> FloatArray:
        return sigmoid(self.slope * score + self.intercept)

    def to_mapping(self) -> dict[str, Any]:
        return {"slope": self.slope, "intercept": self.intercept}

    @classmethod
    def from_mapping(cls, value: Mapping[str, Any]) -> Platt:
        """The inverse of `to_mapping`."""
        return cls(float(value["slope"]), float(value["intercept"]))

    @classmethod
    def fit(cls, score: FloatArray, true: BoolArray, weight: FloatArray) -> Platt | None:
        """A logistic regression on the score; None where the probability would fall with the score."""
        from sklearn.linear_model import LogisticRegression

        centre, scale = float(score.mean()), float(score.std())
        if scale == 0:
            return None
        # The weak L2 penalty keeps the slope finite where a score separates all true triples from all false ones.
        line = LogisticRegression(C=1.0).fit((score[:, None] - centre) / scale, true, sample_weight=weight)
        slope = float(line.coef_[0, 0]) / scale
        return cls(slope, float(line.intercept_[0]) - slope * centre) if slope > 0 else None


@dataclass(frozen=True)
class Isotonic:
    """Straight lines between points, constant outside; never falls with the score.

    Source: Zadrozny and Elkan (2002), Transforming Classifier Scores into Accurate Multiclass Probability Estimates.
    """

    scores: tuple[float, ...]  # ascending
    probabilities: tuple[float, ...]  # ascending

    def __call__(self, score: FloatArray) -> FloatArray:
        probability: FloatArray = np.interp(score, self.scores, self.probabilities)
        return probability

    def to_mapping(self) -> dict[str, Any]:
        return {"scores": list(self.scores), "probabilities": list(self.probabilities)}

    @classmethod
    def from_mapping(cls, value: Mapping[str, Any]) -> Isotonic:
        """The inverse of `to_mapping`."""
        scores, probabilities = (tuple(map(float, value[key])) for key in ("scores", "probabilities"))
        if not scores or len(scores) != len(probabilities):
            raise ValueError("an isotonic curve needs as many scores as probabilities")
        return cls(scores, probabilities)

    @classmethod
    def fit(cls, score: FloatArray, true: BoolArray, weight: FloatArray) -> Isotonic | None:
        """The rising function with the least squared error.

        It stays 1 / (n + 2) away from 0 and 1: n examples cannot make anything certain.
        """
        from sklearn.isotonic import IsotonicRegression

        margin = 1 / (len(score) + 2)
        line = IsotonicRegression(y_min=margin, y_max=1 - margin).fit(score, true, sample_weight=weight)
        return cls(tuple(line.X_thresholds_.tolist()), tuple(line.y_thresholds_.tolist()))


Curve: TypeAlias = Platt | Isotonic

CURVES: dict[str, type[Platt] | type[Isotonic]] = {"platt": Platt, "isotonic": Isotonic}

Fit: TypeAlias = Callable[[FloatArray, BoolArray, FloatArray], "Curve | None"]


def sigmoid(x: FloatArray) -> FloatArray:
    """1 / (1 + exp(-x)) without overflow."""
    return 0.5 * (1 + np.tanh(0.5 * x))


def at_prior(probability: FloatArray, prior: float) -> FloatArray:
    """Probabilities from an even mix of true and false as they are where only `prior` of all is true."""
    odds = prior / (1 - prior)
    return probability * odds / (probability * odds + (1 - probability))
