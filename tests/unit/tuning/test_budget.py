"""Budgets: what can be written, what it means, and what is refused."""

from __future__ import annotations

import re

import pytest

from kgtuner.errors import ConfigError
from kgtuner.tuning.budget import Budget, format_seconds


@pytest.mark.parametrize(
    ("budget", "trials", "expected", "shown"),
    [
        ("90s", None, Budget(seconds=90.0), "1m 30s"),
        ("30m", None, Budget(seconds=1800.0), "30m 00s"),
        ("1h30m", None, Budget(seconds=5400.0), "1h 30m"),
        (" 1 H 30 M ", None, Budget(seconds=5400.0), "1h 30m"),
        ("1.5h", None, Budget(seconds=5400.0), "1h 30m"),
        ("1d", None, Budget(seconds=86400.0), "24h 00m"),
        ("45", None, Budget(seconds=45.0), "45s"),
        (45, None, Budget(seconds=45.0), "45s"),
        (10.0, None, Budget(seconds=10.0), "10s"),
        ("3x", None, Budget(full_trainings=3.0), "3x"),
        ("1.5x ", None, Budget(full_trainings=1.5), "1.5x"),
        (None, 2, Budget(trials=2), "2 trials"),
    ],
)
def test_a_budget_is_read_and_shown(
    budget: str | float | None, trials: int | None, expected: Budget, shown: str
) -> None:
    assert Budget.of(budget, trials) == expected
    assert str(expected) == shown


@pytest.mark.parametrize(
    ("budget", "trials", "sentence"),
    [
        (None, None, "give either a budget"),
        ("30m", 4, "not both"),
        (None, 1, "trials must be at least 2, one for each stage, got 1"),
        ("9s", None, "a budget must be at least 10s, got '9s'"),
        (9.9, None, "a budget must be at least 10s, got 9.9"),
        (-60, None, "a budget must be at least 10s, got -60"),
        (float("inf"), None, "a budget must be at least 10s, got inf"),
        (float("nan"), None, "a budget must be at least 10s, got nan"),
        ("0.5x", None, "at least 1x, got '0.5x'"),
        ("x", None, "cannot read the budget 'x'"),
        ("infx", None, "cannot read the budget 'infx'"),
        ("2 weeks", None, "cannot read the budget '2 weeks'"),
        ("30m5", None, "cannot read the budget '30m5'"),
        ("-30m", None, "cannot read the budget '-30m'"),
        ("", None, "cannot read the budget ''"),
    ],
)
def test_what_is_no_budget_is_refused_in_a_sentence(
    budget: str | float | None, trials: int | None, sentence: str
) -> None:
    with pytest.raises(ConfigError, match=re.escape(sentence)):
        Budget.of(budget, trials)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (59.4, "59s"), (59.6, "1m 00s"), (3599.4, "59m 59s"), (3600, "1h 00m"), (90061, "25h 01m")],
)
def test_seconds_are_shown_as_a_clock_would(seconds: float, text: str) -> None:
    assert format_seconds(seconds) == text
