"""Traces of many seeds turned into figures: quality at a cost with its interval, and paired tests."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import wilcoxon

RESAMPLES = 2_000


def interval(values: Sequence[float], seed: int = 0) -> tuple[float, float, float]:
    """The mean and a 95% bootstrap interval of it."""
    array = np.asarray(values, dtype=np.float64)
    rng = np.random.default_rng(seed)
    means = array[rng.integers(len(array), size=(RESAMPLES, len(array)))].mean(1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(array.mean()), float(low), float(high)


def p_value(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Of Wilcoxon's signed-rank test over paired seeds, two-sided; 1 when no pair differs.

    Source: Wilcoxon (1945), https://doi.org/10.2307/3001968; ties and zeros by Pratt's treatment.
    """
    difference = np.asarray(ours) - np.asarray(theirs)
    if not np.any(difference):
        return 1.0
    return float(wilcoxon(difference, zero_method="pratt").pvalue)


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Adjusted for as many comparisons as there are, so that one in twenty such families has a false finding.

    Source: Holm (1979), https://www.jstor.org/stable/4615733
    """
    adjusted, largest = {}, 0.0
    ordered = sorted(p_values.items(), key=lambda item: item[1])
    for place, (name, p) in enumerate(ordered):
        largest = max(largest, min(1.0, (len(ordered) - place) * p))
        adjusted[name] = largest
    return adjusted


def regrets(best: float, qualities: Sequence[float]) -> list[float]:
    """How far each is below the best of the table; a search without any incumbent has all of it to go."""
    return [best - (0.0 if math.isnan(q) else q) for q in qualities]


def against(name: str, by_algorithm: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """Each other algorithm's regrets against those of `name`, seed by seed: p-values, Holm's, and who won."""
    raw = {
        other: p_value(by_algorithm[name], theirs) for other, theirs in by_algorithm.items() if other != name
    }
    adjusted = holm(raw)
    return {
        other: {
            "p": raw[other],
            "p_holm": adjusted[other],
            "better": float(np.mean(by_algorithm[name])) < float(np.mean(by_algorithm[other])),
        }
        for other in raw
    }
