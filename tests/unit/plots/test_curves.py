"""Learning curves."""

from __future__ import annotations

from typing import Any

from kgtuner.plots.curves import HIGHLIGHTED, curves_figure, training_figure
from kgtuner.plots.style import notice_of


def curve(number: int, value: float, points: int = 3, *, default: bool = False) -> dict[str, Any]:
    return {
        "number": number, "value": value, "default": default, "steps": list(range(points)),
        "seconds": [float(i) for i in range(points)], "metric": [value * i for i in range(points)],
    }  # fmt: skip


def test_the_best_trainings_are_named_and_others_are_one_grey_line() -> None:
    figure = curves_figure([curve(i, i / 10, default=i == 9) for i in range(10)])
    assert figure.data[0].name == f"{10 - HIGHLIGHTED} others"
    assert [trace.name for trace in figure.data[1:3]] == ["trial 9 (default)", "trial 8"]


def test_a_mean_rank_is_shown_with_its_own_sign() -> None:
    figure = curves_figure([curve(0, -5.0)], "mean_rank")
    assert list(figure.data[0].y) == [0.0, 5.0, 10.0]


def test_one_validation_is_no_curve() -> None:
    assert notice_of(curves_figure([curve(0, 0.5, points=1)])) is not None
    assert notice_of(curves_figure([])) is not None


def test_a_single_training_is_a_curve_and_one_validation_a_sentence() -> None:
    points = [{"step": 10 * i, "seconds": float(i), "metric": i / 10, "loss": 1.0} for i in (1, 2)]
    report = {"metric": "mrr", "best": 0.2, "curve": points}
    assert list(training_figure(report).data[0].y) == [0.1, 0.2]
    assert notice_of(training_figure({**report, "curve": points[:1]})) is not None
