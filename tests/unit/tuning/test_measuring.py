"""What a finished training says about the cost of others, on curves worked out by hand."""

from __future__ import annotations

from typing import Any

import optuna
import pytest

from kgtuner.execution.storage import RESULT
from kgtuner.tuning.measuring import measured_in, seconds_to_best, still_rises, value_within
from kgtuner.tuning.raising import GraphSize

CURVE = [(100, 0.2), (200, 0.4), (300, 0.5), (400, 0.5)]


def trial(curve: list[tuple[int, float]], stopped_by: str = "max_seconds") -> optuna.trial.FrozenTrial:
    result: dict[str, Any] = {
        "curve": [{"step": step, "metric": metric} for step, metric in curve],
        "seconds": 40.0,
        "steps": 400,
        "stopped_by": stopped_by,
    }
    value = max(metric for _, metric in curve)
    return optuna.trial.create_trial(value=value, user_attrs={RESULT: result})


def test_seconds_to_best_end_at_the_first_validation_that_is_as_good_as_the_best() -> None:
    assert seconds_to_best(trial(CURVE)) == pytest.approx(30.0)
    assert seconds_to_best(trial([(100, -4.0), (400, -2.0)])) == pytest.approx(40.0)  # a mean rank
    assert seconds_to_best(trial([(100, 0.4995), (400, 0.5)])) == pytest.approx(10.0)  # within the noise


def test_a_training_still_rises_when_its_time_cut_it_off_at_its_best() -> None:
    assert still_rises(trial([*CURVE[:2], (400, 0.6)]))
    assert not still_rises(trial(CURVE))
    assert not still_rises(trial([*CURVE[:2], (400, 0.6)], stopped_by="patience"))


def test_value_within_some_seconds_is_the_best_validation_until_then() -> None:
    assert value_within(trial(CURVE), 25.0) == 0.4
    assert value_within(trial(CURVE), 40.0) == 0.5
    assert value_within(trial(CURVE), 1e9) == 0.5
    assert value_within(trial(CURVE), 5.0) == -float("inf")  # nothing was seen yet


def test_value_within_some_seconds_is_not_that_of_the_last_validation() -> None:
    falling = trial([(100, 0.4), (200, 0.3), (300, 0.2), (400, 0.5)])
    assert value_within(falling, 30.0) == 0.4


WHOLE = GraphSize(entities=1_000, relations=10, triples=10_000)
SMALL = GraphSize(entities=200, relations=10, triples=500)


@pytest.mark.parametrize(
    ("params", "times"),
    [
        (
            {"training.mode": "negative_sampling", "negatives.name": "independent"},
            5.0,
        ),  # 1,000 / 200 entities
        ({"training.mode": "negative_sampling"}, 5.0),  # which means the same
        ({"training.mode": "negative_sampling", "negatives.name": "shared"}, 1.0),
        ({"training.mode": "one_vs_all"}, 1.0),
    ],
    ids=str,
)
def test_what_a_training_took_is_counted_until_it_was_nearly_at_its_best(
    params: dict[str, Any], times: float
) -> None:
    made = trial(
        [(100, 0.2), (200, 0.495), (300, 0.5), (400, 0.5)]
    )  # nearly at its best after half of the steps
    made.user_attrs[RESULT] |= {"queries": 40_000, "training_seconds": 20.0}
    made.params = params
    made.distributions = {
        name: optuna.distributions.CategoricalDistribution([value]) for name, value in params.items()
    }
    measured = measured_in(SMALL, WHOLE, made)
    assert measured.size is SMALL
    assert measured.seconds_per_query == pytest.approx(times * 20 / 40_000)
    assert measured.epochs_to_best == pytest.approx(20_000 / (2 * 500))
    assert measured.steps_to_best == 200
