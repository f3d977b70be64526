"""Sums over touched rows against a dense table filled entry by entry."""

from __future__ import annotations

import pytest
import torch

from kgtuner.training.row_gradient import RowGradient

IDS = torch.tensor([4, 1, 4, 0])
VALUES = torch.tensor([[1.0, 2.0], [3.0, 4.0], [10.0, 20.0], [5.0, 6.0]])
NEGATIVES = torch.tensor([[1, 1, 3], [4, 0, 3]])
WEIGHTS = torch.tensor([[0.5, 2.0, -1.0], [1.0, 3.0, 0.25]])
VECTORS = torch.tensor([[2.0, -2.0], [8.0, 4.0]])


def filled() -> RowGradient:
    gradient = RowGradient()
    gradient.add(IDS, VALUES)
    gradient.add_outer(NEGATIVES, WEIGHTS, VECTORS)
    return gradient


def expected(rows: int) -> torch.Tensor:
    table = torch.zeros(rows, 2)
    for row, value in zip(IDS.tolist(), VALUES, strict=True):
        table[row] += value
    for b in range(2):
        for j in range(3):
            table[NEGATIVES[b, j]] += WEIGHTS[b, j] * VECTORS[b]
    return table


def test_touched_rows_come_once_and_in_order() -> None:
    rows, values = filled().reduce()
    assert rows is not None
    assert rows.tolist() == [0, 1, 3, 4]
    torch.testing.assert_close(values, expected(5)[rows])


@pytest.mark.parametrize("size", [5, 9])
def test_dense_form_has_zeros_where_nothing_was_added(size: int) -> None:
    rows, values = filled().reduce(size)
    assert rows is None
    torch.testing.assert_close(values, expected(size))


def test_one_contribution_comes_back_as_it_was() -> None:
    gradient = RowGradient()
    gradient.add(torch.tensor([7]), torch.tensor([[1.5, -2.5]]))
    rows, values = gradient.reduce()
    assert rows is not None
    assert (rows.tolist(), values.tolist()) == ([7], [[1.5, -2.5]])
