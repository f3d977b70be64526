"""How well surrogates predict configurations that they have not seen, after a few that they have.

Source: the comparison of surrogates in "Efficient Hyper-parameter Search for Knowledge Graph Embedding" (ACL 2022).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import spearmanr

from kgtuner.analysis.trials import Trials
from kgtuner.search.surrogates import SURROGATES
from kgtuner.space.encoding import Encoder

SIZES = (10, 20, 30)
REPEATS = 20
LEAST_LEFT = 10
"""Configurations to predict, at least."""


@dataclass(frozen=True)
class SurrogateError:
    """One surrogate after one number of observations.

    Attributes:
        surrogate, observations: which.
        squared: mean squared error of the metric itself, the mean over repeats.
        low, high: the middle 95% of the repeats.
        order: Spearman correlation of predicted and measured, the mean over repeats.
    """

    surrogate: str
    observations: int
    squared: float
    low: float
    high: float
    order: float


def surrogate_errors(
    trials: Trials, seed: int = 0, sizes: Sequence[int] = SIZES, repeats: int = REPEATS
) -> list[SurrogateError]:
    """Fit on random observations, predict the others, over and over; failures are left out.

    Returns:
        One entry per surrogate and size for which at least `LEAST_LEFT` configurations are left to predict.
    """
    measured = ~np.isnan(trials.values)
    features = Encoder(trials.space).features(trials.codes[measured])
    values = trials.values[measured]
    found = []
    for name, surrogate in SURROGATES.items():
        for size in sizes:
            if len(values) < size + LEAST_LEFT:
                continue
            squared, orders = [], []
            for repeat in range(repeats):
                order = np.random.default_rng([seed, repeat]).permutation(len(values))
                seen, rest = order[:size], order[size:]
                model = surrogate()
                model.fit(features[seen], values[seen], np.random.default_rng([seed, repeat, 1]))
                predicted = model.predict(features[rest])
                squared.append(float(((predicted - values[rest]) ** 2).mean()))
                constant = np.ptp(predicted) == 0 or np.ptp(values[rest]) == 0
                orders.append(0.0 if constant else float(spearmanr(predicted, values[rest]).statistic))
            low, high = np.quantile(squared, [0.025, 0.975])
            found.append(
                SurrogateError(
                    name, size, float(np.mean(squared)), float(low), float(high), float(np.mean(orders))
                )
            )
    return found
