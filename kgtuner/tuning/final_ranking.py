"""What ranking the test split costs, and how much of it fits into a budget: numbers only, tested without a clock.

A validation after a training has ranked some triples by the same rule, so its seconds a triple are those of test. A
split that cannot be ranked in time is ranked on a sample, whose standard error is told; `kgtuner evaluate RUN --split
test` ranks all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kgtuner.tuning.schedule import FINAL_SHARE, START_SECONDS

MODELS = 2  # that are ranked in the end: the best and the default configuration
KEPT_BACK = 1.5  # times what is expected, until trainings have ended
SLOWER = 1.25  # the same when ranking begins
MOST_FINAL_SHARE = 0.3  # of a budget, that is kept back for test
TOLD_BY = 20_000
"""Triples of a sample for which time is kept back: a standard error of the MRR of at most 0.0035."""

LEAST_SAMPLE = 100
"""Triples that are ranked whatever the time: a standard error of at most 0.05, which tells a model from none."""

ALWAYS_SECONDS = 5.0
"""What ranking all of test may take in any case, the time being over: less than it costs to explain a sample."""

END_SECONDS = 1.0
"""For the tables that are written last."""


@dataclass(frozen=True)
class Ranking:
    """What ranking a split with one model is expected to take.

    Attributes:
        triples: of the split.
        per_triple: seconds, both directions.
        before: seconds until the first triple: a process, the graph, its index of known answers, the parameters.
    """

    triples: int
    per_triple: float
    before: float

    @classmethod
    def judged_by(cls, result: Mapping[str, Any], triples: int, *, times: float = 1.0) -> Ranking:
        """From what a training has reported of its own validation.

        Args:
            result: of `RunResult.to_mapping`.
            triples: of the test split.
            times: how much longer a triple takes there than here.
        """
        ranked = max(1.0, result["valid"].get("count", 2 * triples) / 2)
        return cls(
            triples,
            times * result["valid_seconds"] / ranked,
            START_SECONDS + result.get("preparation_seconds", 0.0),
        )

    def seconds(self, size: int | None = None) -> float:
        """For so many triples, or for all."""
        return self.before + self.per_triple * (self.triples if size is None else min(size, self.triples))


def kept_back(slowest: Ranking, budget: float) -> float:
    """Seconds at the end of a budget that trainings leave to the test split.

    As long as all of it takes; where that is too much of the budget, as long as a sample takes that tells enough.
    """
    whole = MODELS * KEPT_BACK * (slowest.seconds() - START_SECONDS)
    most = MOST_FINAL_SHARE * budget
    if whole <= most:
        return whole
    return min(most, max(FINAL_SHARE * budget, MODELS * KEPT_BACK * slowest.seconds(TOLD_BY)))


def sample_size(ranking: Ranking, left: float, models: int) -> int | None:
    """How many triples of test each of so many models ranks in the seconds that are left; None for all of them."""
    if SLOWER * models * (ranking.seconds() - START_SECONDS) <= max(left - END_SECONDS, ALWAYS_SECONDS):
        return None
    share = (left - END_SECONDS) / models
    fit = int((share / SLOWER - ranking.before) / max(ranking.per_triple, 1e-9))
    return min(max(LEAST_SAMPLE, fit), ranking.triples)
