"""Matches of rows and vectors on numbers worked out by hand, and what broken numbers do."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("numba", reason="the kernels need numba")

from kgtuner.kernels.distances import all_distances
from kgtuner.kernels.matching import DISTANCES, MATCHES, all_slopes, match_slopes, matches
from kgtuner.kernels.moving import ADAM, NONE, SGD

TABLE = np.array([[3.0, 0.0], [0.0, 4.0], [1.0, 1.0]])
VECTORS = np.array([[0.0, 4.0], [1.0, 1.0]])
# Row 0 meets vector 0, row 2 meets both; the last term counts for nothing but that it touches row 0.
ROWS, OFFSETS = np.arange(3), np.array([0, 2, 2, 4], dtype=np.int32)
ORDER = np.array([0, 3, 1, 2], dtype=np.int32)
INDEX = np.array([0, 0, 1], dtype=np.int32)
EXPECTED = {
    "l1": [7.0, 4.0, 0.0],
    "l2": [5.0, np.sqrt(10.0), 0.0],
    "moduli": [5.0, np.sqrt(10.0), 0.0],  # one complex number each
    "dot": [0.0, 4.0, 2.0],
}


def matched(kind: str, table: np.ndarray) -> list[float]:
    found = np.empty(3)
    matches(MATCHES[kind], table, ROWS, OFFSETS, ORDER, INDEX, VECTORS, found)
    return found.tolist()


def slopes(kind: str, optimizer: int, table: np.ndarray) -> tuple[np.ndarray, dict[int, list[float]]]:
    """At the vectors, and at the rows that are left, with weights 1, 2 and -1."""
    at_vectors, at_rows, left = np.zeros((2, 2)), np.empty((3, 2)), np.empty(3, dtype=np.int64)
    given = (
        table,
        ROWS,
        OFFSETS,
        ORDER,
        INDEX,
        VECTORS,
        np.array([1.0, 2.0, -1.0]),
        at_vectors,
        at_rows,
        left,
    )
    count = match_slopes(MATCHES[kind], *given, optimizer, table, table, np.array([0.5]))
    return at_vectors, {int(row): at.tolist() for row, at in zip(left[:count], at_rows, strict=False)}


@pytest.mark.parametrize("kind", MATCHES)
def test_match_is_the_formula(kind: str) -> None:
    assert matched(kind, TABLE) == pytest.approx(EXPECTED[kind])


@pytest.mark.parametrize("kind", DISTANCES)
def test_distance_of_all_rows_is_the_formula(kind: str) -> None:
    found = np.empty((2, 3))
    all_distances(MATCHES[kind], TABLE, VECTORS, found)
    assert [found[0, 0], found[0, 2], found[1, 2]] == pytest.approx(EXPECTED[kind])


def test_slopes_of_distances_point_apart_and_vanish_at_zero() -> None:
    at_vectors, at_rows = slopes("l1", NONE, TABLE.copy())
    assert at_rows == {0: [1.0, -1.0], 1: [0.0, 0.0], 2: [2.0, -2.0]}  # row 2 lies on vector 1
    assert at_vectors.tolist() == [[-3.0, 3.0], [0.0, 0.0]]
    root = 2 / np.sqrt(10)
    for kind in ("l2", "moduli"):
        at_vectors, at_rows = slopes(kind, NONE, TABLE.copy())
        assert at_rows[0] == pytest.approx([3 / 5, -4 / 5])
        assert at_rows[2] == pytest.approx([root, -3 * root])
        assert at_vectors[0] == pytest.approx([-3 / 5 - root, 4 / 5 + 3 * root])
        assert at_vectors[1].tolist() == [0.0, 0.0]


def test_slopes_of_a_product_are_the_other_factor() -> None:
    at_vectors, at_rows = slopes("dot", NONE, TABLE.copy())
    assert at_rows == {0: [0.0, 4.0], 1: [0.0, 0.0], 2: [0.0 * 2 - 1, 4.0 * 2 - 1]}
    assert at_vectors.tolist() == [[3.0 + 2, 2.0], [-1.0, -1.0]]


def test_row_that_something_else_touches_is_left_and_the_others_move() -> None:
    table = TABLE.copy()
    _, left = slopes("l1", SGD, table)
    assert list(left) == [0]
    assert table[:2].tolist() == TABLE[:2].tolist()
    assert table[2].tolist() == [1 - 0.5 * 2, 1 + 0.5 * 2]


def test_adam_moves_a_row_without_a_term_by_what_its_means_hold() -> None:
    table, means, squares = TABLE.copy(), np.full((3, 2), 1.0), np.full((3, 2), 4.0)
    left = np.empty(3, dtype=np.int64)
    given = (
        table,
        ROWS,
        OFFSETS,
        ORDER,
        INDEX,
        VECTORS,
        np.ones(3),
        np.zeros((2, 2)),
        np.empty((3, 2)),
        left,
    )
    constants = np.array([0.1, 1.0, 0.5, 0.25, 0.0])
    assert match_slopes(MATCHES["dot"], *given, ADAM, means, squares, constants) == 1
    assert means[:2].tolist() == [[1.0, 1.0], [0.5, 0.5]]  # row 0 is left to the caller
    assert squares[1].tolist() == [3.0, 3.0]
    assert table[1].tolist() == pytest.approx([0 - 0.05 / np.sqrt(3), 4 - 0.05 / np.sqrt(3)])


def test_slopes_of_all_rows_with_all_vectors_are_two_products() -> None:
    weights = np.array([[1.0, 2.0, -1.0], [0.5, 0.0, 3.0]])
    at_vectors, at_rows = (
        np.ones((2, 2)),
        np.full((4, 2), 7.0),
    )  # as other terms and another batch have left them
    all_slopes(MATCHES["dot"], TABLE, VECTORS, weights, at_vectors, at_rows)
    assert at_rows[:3].tolist() == (weights.T @ VECTORS).tolist()
    assert at_rows[3].tolist() == [7.0, 7.0]
    assert at_vectors.tolist() == (1 + weights @ TABLE).tolist()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", MATCHES)
def test_broken_number_is_seen(kind: str, bad: float) -> None:
    table = TABLE.copy()
    table[2, 1] = bad
    found = np.array(matched(kind, table))
    assert np.isfinite(found).tolist() == [True, False, False]
    if kind not in DISTANCES:
        return
    everything = np.empty((2, 3))
    all_distances(MATCHES[kind], table, VECTORS, everything)
    assert np.isfinite(everything).tolist() == [[True, True, False]] * 2
