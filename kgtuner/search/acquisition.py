"""What makes a candidate worth trying."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from kgtuner.types import FloatArray, IntArray

GAMMA = 0.25
"""The share of the observations that counts as good, in the paper."""

KAPPA = 1.0
"""Standard deviations that an upper confidence bound adds to the mean."""


def bore_labels(values: FloatArray, groups: IntArray, gamma: float = GAMMA) -> FloatArray:
    """1 for the best `gamma` of the measured values of each group, 0 for everything else.

    A classifier's probability of 1 then orders candidates as the expected improvement over the
    gamma-quantile does. Groups are graphs or fidelities: their values cannot be compared with each
    other, their ranks can.

    Args:
        values: (n,), larger is better; NaN where a trial failed or has not ended, which is never good
            and does not count towards the share.
        groups: (n,), observations with the same number are compared.

    Returns:
        (n,) of 0.0 and 1.0; a group with any measured value has at least one 1.

    Source: Tiao et al. (2021), https://arxiv.org/abs/2102.09009
    """
    labels = np.zeros(len(values))
    for group in np.unique(groups):
        measured = np.flatnonzero((groups == group) & ~np.isnan(values))
        good = math.ceil(gamma * len(measured))
        best_first = measured[np.argsort(-values[measured], kind="stable")]
        labels[best_first[:good]] = 1.0
    return labels


def standardised(values: FloatArray, groups: IntArray) -> FloatArray:
    """Values with mean 0 and standard deviation 1 in each group; what was not measured is as bad as the worst.

    Args:
        values: (n,), larger is better; NaN where a trial failed or has not ended.
        groups: (n,), as for `bore_labels`.

    Returns:
        (n,) finite; all zero in a group without two different measured values.
    """
    scaled = np.zeros(len(values))
    for group in np.unique(groups):
        members = groups == group
        measured = values[members & ~np.isnan(values)]
        if len(measured) and np.ptp(measured) > 0:
            own = np.where(np.isnan(values[members]), measured.min(), values[members])
            scaled[members] = (own - measured.mean()) / measured.std()
    return scaled


def expected_improvement(mean: FloatArray, spread: FloatArray, best: float) -> FloatArray:
    """How much a candidate is expected to exceed `best`, (m,), in the unit of the mean.

    Args:
        mean, spread: (m,), of a normal distribution per candidate; spread >= 0.

    Source: Jones, Schonlau and Welch (1998), eq. 15, https://doi.org/10.1023/A:1008306431147
    """
    from scipy.special import ndtr

    gain = mean - best
    certain = spread <= 1e-12
    z = gain / np.where(certain, 1.0, spread)
    density = np.exp(-0.5 * z**2) / math.sqrt(2 * math.pi)
    expected: FloatArray = np.where(certain, np.maximum(gain, 0.0), gain * ndtr(z) + spread * density)
    return expected


def upper_confidence_bound(mean: FloatArray, spread: FloatArray, best: float) -> FloatArray:
    """The mean and `KAPPA` standard deviations, (m,); `best` is not used.

    Source: Srinivas et al. (2010), https://arxiv.org/abs/0912.3995; kappa is kept constant here.
    """
    return mean + KAPPA * spread


def predicted(mean: FloatArray, spread: FloatArray, best: float) -> FloatArray:
    """The mean alone, (m,): no exploration besides that of the candidates."""
    return mean


Acquisition = Callable[[FloatArray, FloatArray, float], FloatArray]

ACQUISITIONS: dict[str, Acquisition | None] = {
    "bore": None,  # the surrogate itself: it learns the labels above, see `proposals.scores_of`
    "expected_improvement": expected_improvement,
    "upper_confidence_bound": upper_confidence_bound,
    "predicted": predicted,
}
"""Acquisitions by name. A new one is one function and one line here."""
