from __future__ import annotations

import numpy as np
import pytest

from kgtuner.prediction.reliability import Reliability, reliability


def test_the_figures_are_those_worked_out_by_hand() -> None:
    probability = np.array([0.1, 0.15, 0.8, 1.0])
    true = np.array([False, True, False, True])
    judged = reliability(probability, true, np.array([1.0, 1.0, 1.0, 1.0]))
    # Bin 0.1 to 0.2 has a mean of 0.125 and half is true, 0.8 to 0.9 is too high by 0.8, 1.0 is right.
    assert judged.calibration_error == pytest.approx(0.5 * 0.375 + 0.25 * 0.8)
    assert judged.brier == pytest.approx((0.01 + 0.7225 + 0.64 + 0) / 4)
    assert [(b.low, b.share, b.true) for b in judged.bins] == [
        (0.1, 0.5, 0.5),
        (0.8, 0.25, 0),
        (0.9, 0.25, 1),
    ]
    assert judged.bins[0].mean == pytest.approx(0.125)


def test_weights_count_as_repetitions() -> None:
    probability, true = np.array([0.3, 0.35, 0.9]), np.array([True, False, True])
    weighted = reliability(probability, true, np.array([1.0, 3.0, 2.0]))
    repeated = reliability(np.repeat(probability, [1, 3, 2]), np.repeat(true, [1, 3, 2]), np.ones(6))
    assert weighted.calibration_error == pytest.approx(repeated.calibration_error)
    assert weighted.brier == pytest.approx(repeated.brier)


def test_it_comes_back_from_json() -> None:
    judged = reliability(np.array([0.3, 0.9]), np.array([True, False]), np.ones(2))
    assert Reliability.from_mapping(judged.to_mapping()) == judged
