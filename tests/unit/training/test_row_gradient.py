"""Sums and products over touched rows against a table filled, and read, entry by entry."""

from __future__ import annotations

import pytest
import torch

from kgtuner.training.row_gradient import TouchedRows

IDS = torch.tensor([4, 1, 4, 0, 1, 3])
SOURCES = torch.tensor([[1.0, 2.0], [3.0, 4.0], [10.0, 20.0]])
INDEX = torch.tensor([0, 1, 2, 2, 0, 1], dtype=torch.int32)
WEIGHTS = torch.tensor([0.5, 2.0, -1.0, 1.0, 3.0, 0.25])


def expected(rows: int) -> torch.Tensor:
    table = torch.zeros(rows, 2)
    for row, source, weight in zip(IDS.tolist(), INDEX.tolist(), WEIGHTS.tolist(), strict=True):
        table[row] += weight * SOURCES[source]
    return table


def test_touched_rows_come_once_and_in_order() -> None:
    touched = TouchedRows(IDS)
    assert touched.rows is not None
    assert touched.rows.tolist() == [0, 1, 3, 4]
    torch.testing.assert_close(touched.sums(SOURCES, INDEX, WEIGHTS)[:], expected(5)[touched.rows])


@pytest.mark.parametrize("size", [5, 9])
def test_dense_form_has_zeros_where_nothing_was_added(size: int) -> None:
    touched = TouchedRows(IDS, size)
    assert touched.rows is None
    torch.testing.assert_close(touched.sums(SOURCES, INDEX, WEIGHTS)[:], expected(size))


@pytest.mark.parametrize("size", [None, 9])
def test_sums_can_be_made_a_few_rows_at_a_time(size: int | None) -> None:
    sums = TouchedRows(IDS, size).sums(SOURCES, INDEX, WEIGHTS)
    parts = [sums[start : start + 2] for start in range(0, len(sums), 2)]
    torch.testing.assert_close(torch.cat(parts), sums[:])


def test_terms_are_taken_as_they_are_unless_told_otherwise() -> None:
    values = torch.arange(12.0).view(6, 2)
    sums = TouchedRows(IDS).sums(values)
    assert sums[:].tolist() == [[6.0, 7.0], [2.0 + 8, 3.0 + 9], [10.0, 11.0], [0.0 + 4, 1.0 + 5]]


@pytest.mark.parametrize("size", [None, 5])
def test_products_stand_in_the_order_of_their_terms(size: int | None) -> None:
    table = torch.tensor([[1.0, 0.0], [0.0, 1.0], [9.0, 9.0], [2.0, -1.0], [1.0, 1.0]])
    products = TouchedRows(IDS, size).products(table, SOURCES, INDEX)
    # Rows 4, 1, 4, 0, 1, 3 with sources 0, 1, 2, 2, 0, 1.
    assert products.tolist() == [1 + 2, 4, 10 + 20, 10, 2, 2 * 3 - 4]


@pytest.mark.parametrize("n_terms", [3, 20, 60, 400])  # from few pairs to each pair many times
@pytest.mark.parametrize("size", [None, 12])
def test_products_are_those_of_single_pairs_however_many_there_are(size: int | None, n_terms: int) -> None:
    generator = torch.Generator().manual_seed(n_terms)
    table, vectors = torch.randn(12, 4, generator=generator), torch.randn(7, 4, generator=generator)
    ids = torch.randint(12, (n_terms,), generator=generator)
    index = torch.randint(7, (n_terms,), generator=generator, dtype=torch.int32)
    found = TouchedRows(ids, size).products(table, vectors, index)
    torch.testing.assert_close(found, (table[ids] * vectors[index.long()]).sum(1))


@pytest.mark.parametrize("gathered", [4, 12, 1 << 20])
def test_products_are_the_same_however_many_are_gathered_at_once(
    gathered: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a GPU does; nothing of it needs one."""
    monkeypatch.setattr(TouchedRows, "GATHERED", gathered)
    generator = torch.Generator().manual_seed(0)
    rows, vectors = torch.randn(5, 4, generator=generator), torch.randn(7, 4, generator=generator)
    own, index = (torch.randint(n, (11,), generator=generator, dtype=torch.int32) for n in (5, 7))
    found = TouchedRows(IDS)._gathered(rows, own, vectors, index)
    torch.testing.assert_close(found, (rows[own.long()] * vectors[index.long()]).sum(1))
