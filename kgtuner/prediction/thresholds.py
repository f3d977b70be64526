"""Triple classification: the score from which a triple is taken for true, for each relation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from kgtuner.types import BoolArray, FloatArray, IntArray

ENOUGH = 20
"""Examples, some of them true and some false, that a relation needs for a threshold of its own."""


@dataclass(frozen=True)
class Thresholds:
    """Scores from which triples are taken for true.

    Relations with at least ENOUGH examples have their own, all others share one.
    Source: Socher et al. (2013), section 4.3,
    https://papers.nips.cc/paper/2013/hash/b337e84de8752b27eda3a12363109e80-Abstract.html
    """

    shared: float
    own: dict[int, float]  # by relation id

    @classmethod
    def fit(cls, relation: IntArray, score: FloatArray, true: BoolArray, *, balanced: bool) -> Thresholds:
        """Those that judge most of (n,) examples rightly.

        With `balanced` the true and the false ones of a relation count the same, as befits corruptions, of
        which there are as many as were drawn. Without it their numbers count: where most verified triples of
        a relation are false, its threshold is high.
        """
        own = {}
        for r in np.unique(relation):
            chosen = relation == r
            if chosen.sum() >= ENOUGH and true[chosen].any() and not true[chosen].all():
                own[int(r)] = best_threshold(score[chosen], true[chosen], balanced=balanced)
        return cls(best_threshold(score, true, balanced=balanced), own)

    def of(self, relation: IntArray) -> FloatArray:
        """(n,) the threshold of each relation."""
        values = np.full(len(relation), self.shared)
        for r, threshold in self.own.items():
            values[relation == r] = threshold
        return values

    def to_mapping(self) -> dict[str, Any]:
        return {"shared": self.shared, "own": {str(r): threshold for r, threshold in self.own.items()}}

    @classmethod
    def from_mapping(cls, value: Mapping[str, Any]) -> Thresholds:
        """The inverse of `to_mapping`."""
        return cls(float(value["shared"]), {int(r): float(t) for r, t in value["own"].items()})


def best_threshold(score: FloatArray, true: BoolArray, *, balanced: bool) -> float:
    """The threshold with the most right verdicts: half way between two scores, of several the middle one.

    Below all scores everything is taken for true, above all of them nothing is.
    """
    order = np.argsort(score)
    score, true = score[order], true[order]
    n = len(true)
    right, wrong = (max(int(true.sum()), 1), max(int((~true).sum()), 1)) if balanced else (n, n)
    # With the threshold before example i, the i below it are taken for false.
    value = np.concatenate([[0.0], np.cumsum(np.where(true, -1 / right, 1 / wrong))])
    possible = np.concatenate([[True], score[1:] > score[:-1], [True]])  # equal scores stay together
    best = np.flatnonzero(possible & (value >= value[possible].max() - 1e-12))
    at = int(best[len(best) // 2])
    if at == 0:
        return float(np.nextafter(score[0], -np.inf))
    if at == len(score):
        return float(np.nextafter(score[-1], np.inf))
    middle = float((score[at - 1] + score[at]) / 2)
    return middle if middle > score[at - 1] else float(score[at])  # two neighbouring floats have no middle
