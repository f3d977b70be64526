"""What makes a candidate worth trying."""

from __future__ import annotations

import math

import numpy as np

from kgtuner.types import FloatArray, IntArray

GAMMA = 0.25
"""The share of the observations that counts as good, in the paper."""


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
