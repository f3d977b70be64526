from __future__ import annotations

import numpy as np
import pytest

from kgtuner.prediction.thresholds import ENOUGH, Thresholds, best_threshold


def bools(text: str) -> np.ndarray:
    return np.array([c == "+" for c in text])


@pytest.mark.parametrize(
    ("scores", "truth", "expected"),
    [
        ([1, 2, 3, 4], "--++", 2.5),
        ([4, 1, 3, 2], "+-+-", 2.5),
        ([1, 2, 3, 4], "-+-+", 3.5),  # 1.5 is as good, and so is none better: the upper of the two
        ([1, 1, 2], "-+-", np.nextafter(2, 3)),  # equal scores stay on one side
    ],
)
def test_a_threshold_lies_half_way_between_two_scores(
    scores: list[float], truth: str, expected: float
) -> None:
    assert best_threshold(np.array(scores, dtype=float), bools(truth), balanced=False) == expected


def test_numbers_count_unless_they_are_balanced() -> None:
    score, true = np.array([1.0, 2, 3, 4, 5]), bools("+----")
    assert best_threshold(score, true, balanced=False) > 5  # nothing is true: four of five are right
    score, true = np.array([1.0, 2, 3, 4, 5]), bools("---+-")
    assert best_threshold(score, true, balanced=False) > 5
    assert best_threshold(score, true, balanced=True) == 3.5  # all of the true ones, three of four false ones


def test_two_neighbouring_floats_are_told_apart() -> None:
    low = 0.1
    high = float(np.nextafter(low, 1))
    threshold = best_threshold(np.array([low, high]), bools("-+"), balanced=False)
    assert low < threshold <= high


def test_a_relation_with_enough_examples_has_its_own() -> None:
    n = ENOUGH // 2
    relation = np.array([0] * 2 * n + [1] * 2 + [2] * ENOUGH)
    score = np.concatenate([np.full(n, 1.0), np.full(n, 3.0), [1.0, 9.0], np.full(ENOUGH, 50.0)])
    true = np.concatenate([np.zeros(n, bool), np.ones(n, bool), [False, True], np.ones(ENOUGH, bool)])
    thresholds = Thresholds.fit(relation, score, true, balanced=False)
    assert thresholds.own == {0: 2.0}  # relation 1 has two examples, relation 2 no false one
    assert thresholds.of(np.array([0, 1, 2])).tolist() == [2.0, thresholds.shared, thresholds.shared]
    assert Thresholds.from_mapping(thresholds.to_mapping()) == thresholds
