from __future__ import annotations

import numpy as np
import pytest

from kgtuner.prediction.curves import CURVES, Isotonic, Platt, at_prior, sigmoid


def drawn(slope: float, intercept: float, n: int = 20_000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores, and truth drawn with the probability that a logistic curve gives them."""
    rng = np.random.default_rng(0)
    score = rng.normal(2, 3, n)
    return score, rng.random(n) < sigmoid(slope * score + intercept), np.ones(n)


def test_platt_finds_the_curve_behind_the_examples() -> None:
    curve = Platt.fit(*drawn(0.7, -1.5))
    assert isinstance(curve, Platt)
    assert curve.slope == pytest.approx(0.7, abs=0.03)
    assert curve.intercept == pytest.approx(-1.5, abs=0.1)


def test_the_isotonic_curve_follows_any_rising_shape() -> None:
    curve = Isotonic.fit(*drawn(0.7, -1.5))
    assert curve is not None
    at = np.array([-1.0, 2.0, 5.0])
    np.testing.assert_allclose(curve(at), sigmoid(0.7 * at - 1.5), atol=0.05)


def test_a_score_that_says_nothing_or_the_opposite_has_no_platt_curve() -> None:
    score, true, weight = drawn(-0.7, 0.0)
    assert Platt.fit(score, true, weight) is None
    assert Platt.fit(np.ones(4), np.array([True, False, True, False]), np.ones(4)) is None


def test_nothing_is_certain_even_where_a_score_separates_everything() -> None:
    score = np.arange(40.0)
    true = score >= 20
    for kind in CURVES.values():
        curve = kind.fit(score, true, np.ones(40))
        assert curve is not None
        low, high = curve(np.array([-1e9, 1e9])) if kind is Isotonic else curve(score[[0, -1]])
        assert 0 < low < 0.1
        assert 0.9 < high < 1


@pytest.mark.parametrize("name", CURVES)
def test_curves_come_back_from_json(name: str) -> None:
    curve = CURVES[name].fit(*drawn(0.7, -1.5, 200))
    assert curve is not None
    assert CURVES[name].from_mapping(curve.to_mapping()) == curve


def test_another_prior_shifts_the_odds() -> None:
    # Even odds at an even mix; where one in 101 is true, the odds are 1 to 100.
    np.testing.assert_allclose(at_prior(np.array([0.5]), 1 / 101), [1 / 101])
    np.testing.assert_allclose(at_prior(np.array([0.2, 0.9]), 0.5), [0.2, 0.9])
