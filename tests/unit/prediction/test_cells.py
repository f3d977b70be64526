from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgtuner.prediction.cells import from_cell, to_cell

FIRST = "=+-@＝＋－＠\t\r\n'"


@given(st.text() | st.text(alphabet="'=+-@a", max_size=5))
def test_every_name_comes_back_and_no_cell_is_a_formula(name: str) -> None:
    cell = to_cell(name)
    assert from_cell(cell) == name
    assert cell[:1] in FIRST[:-1] or not cell[:1] or cell[0] == "'" or cell == name
    assert not cell.startswith(tuple(FIRST[:-1]))


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
        ("-1", "'-1"),
        ("France", "France"),
        ("a=b", "a=b"),
        ("'s-Hertogenbosch", "''s-Hertogenbosch"),
        ("", ""),
    ],
)
def test_only_what_a_spreadsheet_could_run_gets_an_apostrophe(name: str, cell: str) -> None:
    assert to_cell(name) == cell


def test_a_cell_written_by_hand_is_a_name_as_it_stands() -> None:
    assert from_cell("'s-Hertogenbosch") == "'s-Hertogenbosch"
    assert from_cell("'") == "'"
