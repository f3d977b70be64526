"""kgtuner.search.acquisition: which observations count as good."""

from __future__ import annotations

import math

import numpy as np
import pytest

from kgtuner.search.acquisition import (
    bore_labels,
    expected_improvement,
    standardised,
    upper_confidence_bound,
)


def test_the_best_quarter_is_good() -> None:
    values = np.array([0.1, 0.8, 0.3, 0.2, 0.7, 0.4, 0.5, 0.6])
    assert bore_labels(values, np.zeros(8, dtype=np.int64)).tolist() == [0, 1, 0, 0, 1, 0, 0, 0]


def test_each_group_has_its_own_best() -> None:
    values = np.array([0.9, 0.8, 0.7, 0.6, 0.1, 0.2, 0.3, 0.4])
    groups = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    assert bore_labels(values, groups).tolist() == [1, 0, 0, 0, 0, 0, 0, 1]


def test_a_failed_trial_is_never_good_and_does_not_count() -> None:
    nan = np.nan
    values = np.array([nan, nan, nan, nan, 0.2, 0.1, 0.3, 0.4])
    assert bore_labels(values, np.zeros(8, dtype=np.int64)).tolist() == [0, 0, 0, 0, 0, 0, 0, 1]
    assert bore_labels(np.array([nan, nan]), np.zeros(2, dtype=np.int64)).tolist() == [0, 0]


def test_equal_values_do_not_all_become_good() -> None:
    assert bore_labels(np.zeros(8), np.zeros(8, dtype=np.int64)).sum() == 2


def test_expected_improvement_is_the_integral_of_what_exceeds_the_best() -> None:
    mean, spread, best = np.array([0.3, 0.5, 0.7]), np.array([0.2, 0.1, 0.05]), 0.5
    draws = mean + spread * np.random.default_rng(0).normal(size=(200_000, 3))
    integral = np.maximum(draws - best, 0).mean(0)
    np.testing.assert_allclose(expected_improvement(mean, spread, best), integral, atol=1e-3)


def test_what_is_certain_improves_by_its_distance_or_not_at_all() -> None:
    certain = expected_improvement(np.array([0.4, 0.7]), np.zeros(2), 0.5)
    assert certain == pytest.approx([0.0, 0.2])


def test_a_bound_prefers_the_less_certain_of_two_equals() -> None:
    bound = upper_confidence_bound(np.array([0.5, 0.5]), np.array([0.1, 0.2]), 9.0)
    assert bound[1] - bound[0] == pytest.approx(0.1)


def test_standardised_values_compare_within_a_group_and_failures_are_the_worst() -> None:
    values = np.array([0.1, 0.3, 10.0, 30.0, math.nan, 5.0])
    groups = np.array([0, 0, 1, 1, 1, 2])
    scaled = standardised(values, groups)
    assert scaled == pytest.approx([-1, 1, -1, 1, -1, 0])
