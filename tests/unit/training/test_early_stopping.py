"""Halving at the third validation without progress, stopping at the fifth without a better value."""

from __future__ import annotations

from kgtuner.training.early_stopping import EarlyStopping


def watched(
    values: list[float], patience: int = 5, halve_after: int | None = 3
) -> tuple[list[int], int | None]:
    """At which validations (counted from 0) the learning rate was halved and training stopped."""
    stopping, halved = EarlyStopping(patience, halve_after), []
    for i, value in enumerate(values):
        stopping.observe(value)
        if stopping.halve_now():
            halved.append(i)
        if stopping.stop:
            return halved, i
    return halved, None


def test_third_validation_without_progress_halves() -> None:
    assert watched([0.2, 0.2, 0.2, 0.2]) == ([3], None)
    assert watched([0.2, 0.2, 0.2, 0.3, 0.3, 0.3]) == ([], None)


def test_fifth_validation_without_a_better_value_stops() -> None:
    assert watched([0.2, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1]) == ([3], 5)


def test_halving_starts_a_new_count() -> None:
    assert watched([0.2] * 9, patience=100) == ([3, 6], None)


def test_gain_below_one_in_ten_thousand_is_no_progress_but_a_better_value() -> None:
    creeping = [0.5 + i * 1e-6 for i in range(7)]  # relative gains of 2e-6, in all 1.2e-5
    assert watched(creeping) == ([3, 6], None)


def test_slow_gains_add_up_to_progress() -> None:
    # Two steps of 0.6e-4 are more than 1e-4 from where progress was last seen.
    slow = [0.5 * (1 + i * 0.6e-4) for i in range(8)]
    assert watched(slow) == ([], None)


def test_equal_value_is_not_a_better_one() -> None:
    stopping = EarlyStopping(5)
    assert [stopping.observe(value) for value in (0.2, 0.2, 0.3, 0.1)] == [True, False, True, False]
    assert stopping.best == 0.3


def test_without_halving_the_learning_rate_stays() -> None:
    assert watched([0.2] * 5, halve_after=None, patience=9) == ([], None)


def test_values_below_zero_count_like_others() -> None:
    # A mean rank is maximised with its sign changed.
    assert watched([-500.0, -400.0, -300.0, -200.0, -100.0, -50.0]) == ([], None)
    stopping = EarlyStopping(5)
    assert stopping.observe(-500.0)
    assert stopping.best == -500.0
    assert watched([-100.0, -99.999, -99.998, -99.997]) == ([3], None)
    assert watched([0.0, 0.0, 0.0, 0.0]) == ([3], None)
