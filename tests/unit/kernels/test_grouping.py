"""Terms grouped by row, against NumPy's sort."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

pytest.importorskip("numba", reason="the kernels need numba")

from kgtuner.kernels.grouping import all_offsets, stable_order, touched_rows


@pytest.mark.parametrize("largest", [1, 2_047, 2_048, 5_000_000, 1 << 33])  # one digit of the sort to four
@pytest.mark.parametrize("count", [1, 2, 1_000])
def test_order_sorts_and_leaves_equal_ids_as_they_stand(count: int, largest: int) -> None:
    ids = np.random.default_rng(0).integers(largest + 1, size=count)
    ids[0] = largest
    assert stable_order(ids).tolist() == np.argsort(ids, kind="stable").tolist()


def test_touched_rows_come_once_with_where_their_terms_begin() -> None:
    ids = np.array([4, 1, 4, 0, 1, 3])
    order = stable_order(ids)
    rows, offsets = touched_rows(ids, order)
    assert rows.tolist() == [0, 1, 3, 4]
    assert offsets.tolist() == [0, 1, 3, 4, 6]
    assert [order[a:b].tolist() for a, b in pairwise(offsets)] == [
        [3],
        [1, 4],
        [5],
        [0, 2],
    ]


def test_offsets_of_all_rows_count_those_without_a_term() -> None:
    assert all_offsets(np.array([4, 1, 4, 0, 1, 3]), 7).tolist() == [0, 1, 3, 3, 4, 6, 6, 6]


def test_no_terms_touch_no_row() -> None:
    none = np.empty(0, dtype=np.int64)
    rows, offsets = touched_rows(none, stable_order(none))
    assert (len(rows), offsets.tolist()) == (0, [0])
