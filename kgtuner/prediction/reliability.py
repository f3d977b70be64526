"""How far probabilities can be trusted: expected calibration error, Brier score, and the table behind a figure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from kgtuner.types import BoolArray, FloatArray

BINS = 10


@dataclass(frozen=True)
class Bin:
    """Triples whose probability lies between `low` and `high`.

    Attributes:
        share: of all triples, by weight.
        mean: their mean probability.
        true: the share of them that is true; equal to `mean` where probabilities are right.
    """

    low: float
    high: float
    share: float
    mean: float
    true: float


@dataclass(frozen=True)
class Reliability:
    """How well probabilities fit what is true.

    Attributes:
        calibration_error: expected calibration error over ten bins of equal width, 0 is best: the mean
            distance between a bin's mean probability and its share of true triples, by the bin's weight.
            Source: Guo et al. (2017), eq. 3, https://arxiv.org/abs/1706.04599
        brier: mean squared distance between probability and truth, 0 is best; 0.25 for always 0.5.
            Source: Brier (1950), Monthly Weather Review 78.
        bins: those that are not empty, ascending.
    """

    calibration_error: float
    brier: float
    bins: tuple[Bin, ...]

    def to_mapping(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_mapping(cls, value: Mapping[str, Any]) -> Reliability:
        """The inverse of `to_mapping`."""
        bins = tuple(Bin(**part) for part in value["bins"])
        return cls(float(value["calibration_error"]), float(value["brier"]), bins)


def reliability(probability: FloatArray, true: BoolArray, weight: FloatArray) -> Reliability:
    """Compare (n,) probabilities with (n,) truth; `weight` (n,) says how much each triple counts."""
    weight = weight / weight.sum()
    place = np.minimum((probability * BINS).astype(np.int64), BINS - 1)  # 1.0 belongs to the last bin
    share, mean, right = (
        np.bincount(place, weights=weight * values, minlength=BINS)
        for values in (np.ones_like(weight), probability, true)
    )
    bins = tuple(
        Bin(i / BINS, (i + 1) / BINS, float(share[i]), float(mean[i] / share[i]), float(right[i] / share[i]))
        for i in np.flatnonzero(share).tolist()
    )
    error = float(np.abs(mean - right).sum())
    return Reliability(error, float((weight * (probability - true) ** 2).sum()), bins)
