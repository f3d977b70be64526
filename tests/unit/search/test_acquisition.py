"""kgtuner.search.acquisition: which observations count as good."""

from __future__ import annotations

import numpy as np

from kgtuner.search.acquisition import bore_labels


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
