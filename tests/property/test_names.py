from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgtuner.errors import DataError
from kgtuner.graph.names import pack

names_lists = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), max_size=20)


@given(names_lists)
def test_packed_names_behave_like_the_list(names: list[str]) -> None:
    packed = pack(names)
    assert list(packed) == names
    assert [packed[i] for i in range(len(packed))] == names
    assert [packed[-i - 1] for i in range(len(packed))] == names[::-1]
    assert packed[1:7:2] == tuple(names[1:7:2])
    with pytest.raises(IndexError):
        packed[len(names)]


def test_a_lone_surrogate_is_refused() -> None:
    with pytest.raises(DataError, match="valid Unicode text"):
        pack(["\ud800"])
