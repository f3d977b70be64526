"""What a finished training says about the cost of others."""

from __future__ import annotations

import math

from optuna.trial import FrozenTrial

from kgtuner.execution.storage import RESULT, value_of
from kgtuner.tuning.raising import GraphSize, Measured

NEARLY = 0.98  # of the best validation: a training that has come so far has shown what it can
AT_BEST = (
    0.998  # and one that has come so far is at its best, up to the noise of a sample of validation triples
)


def measured_in(size: GraphSize, whole: GraphSize, trial: FrozenTrial | None) -> Measured:
    """What a trial took until it was nearly at its best, with as many negatives as on the full graph."""
    if trial is None:
        return Measured(size, 1e-4, 20.0, 2_000)
    result, near = trial.user_attrs[RESULT], _first_at(trial, NEARLY)
    queries = result["queries"] * near["step"] / result["steps"]
    own = trial.params.get("training.mode") == "negative_sampling" and (
        trial.params.get("negatives.name", "independent") == "independent"
    )
    more_negatives = whole.entities / size.entities if own else 1.0
    return Measured(
        size,
        seconds_per_query=more_negatives * result["training_seconds"] / max(1, result["queries"]),
        epochs_to_best=queries / (2 * size.triples),
        steps_to_best=int(near["step"]),
    )


def seconds_to_best(trial: FrozenTrial) -> float:
    """Seconds of training until a trial was at its best, those included that it went on from."""
    result = trial.user_attrs[RESULT]
    return float(result["seconds"] * _first_at(trial, AT_BEST)["step"] / result["steps"])


def still_rises(trial: FrozenTrial) -> bool:
    """Whether a training was at its best only when its time was over."""
    result = trial.user_attrs[RESULT]
    return bool(result["stopped_by"] == "max_seconds" and _first_at(trial, AT_BEST) == result["curve"][-1])


def value_within(trial: FrozenTrial, seconds: float) -> float:
    """What the best validation of a trial in its first seconds of training is worth; its value if it had no more.

    A value is of all validation triples, its curve perhaps of a sample on which every training looks a little better
    or worse. So the value is taken at the rate at which the curve was below its best.
    """
    result, value = trial.user_attrs[RESULT], value_of(trial) or 0.0
    if result["seconds"] <= seconds:
        return value
    per_step = result["seconds"] / result["steps"]
    seen = [point["metric"] for point in result["curve"] if point["step"] * per_step <= seconds]
    if not seen:
        return -math.inf
    best = max(point["metric"] for point in result["curve"])
    return float(value * max(seen) / best) if best else value


def _first_at(trial: FrozenTrial, share: float) -> dict[str, float]:
    """The first validation of a trial with that share of its best."""
    curve: list[dict[str, float]] = trial.user_attrs[RESULT]["curve"]
    enough = a_share(max(point["metric"] for point in curve), share)
    return next(point for point in curve if point["metric"] >= enough)


def a_share(metric: float, share: float) -> float:
    """What is as good as that share of a metric; a mean rank is told as a negative number."""
    return share * metric if metric > 0 else metric / share
