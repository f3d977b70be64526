"""What a finished training says about the cost of others, on curves worked out by hand."""

from __future__ import annotations

from typing import Any

import optuna
import pytest

from kgtuner.execution.storage import RESULT
from kgtuner.tuning.measuring import measured_in, seconds_to_best, still_rises, value_within
from kgtuner.tuning.memory_plan import GraphSize

CURVE = [(100, 0.2), (200, 0.4), (300, 0.5), (400, 0.5)]


def trial(
    curve: list[tuple[int, float]], stopped_by: str = "max_seconds", value: float | None = None
) -> optuna.trial.FrozenTrial:
    result: dict[str, Any] = {
        "curve": [{"step": step, "metric": metric} for step, metric in curve],
        "seconds": 40.0,
        "steps": 400,
        "stopped_by": stopped_by,
    }
    value = max(metric for _, metric in curve) if value is None else value
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


def test_a_curve_on_a_kinder_sample_does_not_make_the_longer_training_look_better() -> None:
    longer = trial(CURVE, value=0.45)  # 0.5 on the sample
    assert value_within(longer, 25.0) == pytest.approx(0.36)
    assert value_within(longer, 40.0) == 0.45
    ranks = trial([(100, -40.0), (400, -20.0)], value=-30.0)
    assert value_within(ranks, 25.0) == pytest.approx(-60.0)


@pytest.mark.parametrize(
    ("assignment", "more_negatives"),
    [
        ({"training.mode": "negative_sampling", "negatives.name": "independent"}, 8.0),
        ({"training.mode": "negative_sampling", "negatives.name": "shared"}, 1.0),  # their scores cost little
        ({"training.mode": "k_vs_all"}, 1.0),
    ],
)
def test_a_training_on_a_subgraph_tells_its_pace_and_how_far_its_best_was(
    assignment: dict[str, str], more_negatives: float
) -> None:
    done = trial(CURVE)
    done.user_attrs[RESULT] |= {"queries": 8_000, "training_seconds": 32.0}
    done.distributions = {
        name: optuna.distributions.CategoricalDistribution([value]) for name, value in assignment.items()
    }
    done.params = dict(assignment)
    small, whole = GraphSize(100, 5, 1_000), GraphSize(800, 5, 20_000)
    measured = measured_in(small, whole, done)
    assert measured.size == small
    assert measured.seconds_per_query == pytest.approx(more_negatives * 0.004)
    assert measured.steps_to_best == 300
    assert measured.epochs_to_best == pytest.approx(3.0)  # 6,000 of the 2,000 queries of both directions
