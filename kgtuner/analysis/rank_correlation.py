"""How well a cheaper graph keeps the order of configurations.

Source: the comparison of subgraphs in "Efficient Hyper-parameter Search for Knowledge Graph Embedding" (ACL 2022).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import spearmanr

from kgtuner.analysis.trials import FULL, Trials

LEAST = 8
"""Configurations trained on both graphs."""
RESAMPLES = 1_000


@dataclass(frozen=True)
class RankCorrelation:
    """One graph against the full one.

    Attributes:
        group: its name.
        configurations: trained on both; a failure ranks last.
        spearman, low, high: the correlation with its 95% bootstrap interval.
        top: share of the full graph's best fifth that is in the best fifth here.
        cost: seconds here as a share of those on the full graph, NaN where they are not known.
    """

    group: str
    configurations: int
    spearman: float
    low: float
    high: float
    top: float
    cost: float


def rank_correlations(trials: Trials, seed: int = 0) -> list[RankCorrelation]:
    """Every graph with at least `LEAST` configurations in common with the full one."""
    full = _by_code(trials.of(FULL))
    found = []
    for group in dict.fromkeys(trials.groups):
        if group == FULL:
            continue
        other = _by_code(trials.of(group))
        both = [key for key in full if key in other]
        if len(both) < LEAST:
            continue
        theirs, ours = (
            np.array([np.nan_to_num(table[key][0], nan=-np.inf) for key in both]) for table in (other, full)
        )
        rng = np.random.default_rng(seed)
        drawn = rng.integers(len(both), size=(RESAMPLES, len(both)))
        samples = [_correlation(theirs[rows], ours[rows]) for rows in drawn]
        low, high = np.quantile(samples, [0.025, 0.975])
        fifth = max(1, len(both) // 5)
        best = [set(np.argsort(-v, kind="stable")[:fifth].tolist()) for v in (theirs, ours)]
        found.append(
            RankCorrelation(
                group,
                len(both),
                _correlation(theirs, ours),
                float(low),
                float(high),
                len(best[0] & best[1]) / fifth,
                float(sum(other[key][1] for key in both) / sum(full[key][1] for key in both)),
            )
        )
    return found


def _by_code(trials: Trials) -> dict[bytes, tuple[float, float]]:
    return {
        row.tobytes(): (value, seconds)
        for row, value, seconds in zip(
            trials.codes, trials.values.tolist(), trials.seconds.tolist(), strict=True
        )
    }


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    if len(np.unique(a)) < 2 or len(np.unique(b)) < 2:
        return 0.0
    ranked = [
        np.unique(v, return_inverse=True)[1] for v in (a, b)
    ]  # infinities have a rank, but no difference
    return float(spearmanr(*ranked).statistic)
