from __future__ import annotations

import numpy as np
import pytest

from kgtuner.prediction.classification import ClassificationMetrics


def test_the_figures_are_those_worked_out_by_hand() -> None:
    label = np.array([True, True, True, False, False, False])
    true = np.array([True, True, False, True, False, False])
    metrics = ClassificationMetrics.of(label, true)
    assert (metrics.true_positives, metrics.false_positives) == (2, 1)
    assert (metrics.true_negatives, metrics.false_negatives) == (2, 1)
    assert metrics.accuracy == pytest.approx(4 / 6)
    assert metrics.precision == pytest.approx(2 / 3)
    assert metrics.recall == pytest.approx(2 / 3)
    assert ClassificationMetrics(3, 1, 0, 2).f1 == pytest.approx(2 * 0.75 * 0.6 / (0.75 + 0.6))


def test_where_nothing_was_taken_for_true_the_figures_are_zero() -> None:
    metrics = ClassificationMetrics(0, 0, 2, 0)
    assert (metrics.precision, metrics.recall, metrics.f1, metrics.accuracy) == (0, 0, 0, 1)
    assert metrics.to_mapping()["true_negatives"] == 2
