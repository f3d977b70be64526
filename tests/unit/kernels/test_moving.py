"""One optimiser step on rows, by hand; whole trainings are in tests/contract/test_kernels.py."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("numba", reason="the kernels need numba")

from kgtuner.kernels.moving import ADAGRAD, ADAM, SGD, move_by_sums

# Row 2 of three gets 1 * (1, 2) - 2 * (3, 0) = (-5, 2), row 0 gets nothing.
SOURCES, INDEX = np.array([[1.0, 2.0], [3.0, 0.0]]), np.array([0, 1], dtype=np.int32)
WEIGHTS, OFFSETS, ROWS = np.array([1.0, -2.0]), np.array([0, 0, 2], dtype=np.int32), np.array([0, 2])


def moved(optimizer: int, constants: list[float], first: np.ndarray, second: np.ndarray) -> np.ndarray:
    table = np.ones((3, 2))
    move_by_sums(optimizer, table, first, second, np.array(constants), SOURCES, INDEX, WEIGHTS, OFFSETS, ROWS)
    return table


def test_sgd_moves_against_the_gradient() -> None:
    table = moved(SGD, [0.1], np.zeros((3, 2)), np.zeros((3, 2)))
    assert table.tolist() == [[1, 1], [1, 1], [1.5, 0.8]]


def test_adagrad_divides_by_the_root_of_all_squares() -> None:
    squares = np.full((3, 2), [11.0, 12.0])
    table = moved(ADAGRAD, [0.6, 0.0], squares, np.zeros((3, 2)))
    assert squares.tolist() == [[11, 12], [11, 12], [36, 16]]
    assert table.tolist() == [[1, 1], [1, 1], [pytest.approx(1.5), pytest.approx(0.7)]]


def test_adam_moves_by_its_means_a_row_without_gradient_too() -> None:
    means, squares = np.full((3, 2), 1.0), np.full((3, 2), 4.0)
    table = moved(ADAM, [0.1, 2.0, 0.5, 0.25, 0.0], means, squares)
    assert means.tolist() == [[0.5, 0.5], [1, 1], [-2, 1.5]]
    assert squares.tolist() == [[3, 3], [4, 4], [9.25, 4]]
    assert table[1].tolist() == [1, 1]
    assert table[0].tolist() == pytest.approx([1 - 0.1 * 0.5 / (2 * np.sqrt(3))] * 2)
    assert table[2].tolist() == pytest.approx([1 + 0.1 * 2 / (2 * np.sqrt(9.25)), 1 - 0.1 * 1.5 / 4])
