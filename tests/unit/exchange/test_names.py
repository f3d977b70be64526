"""Any name survives as one word of a text file."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgtuner.exchange.names import decoded, encoded

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


def test_only_what_would_break_a_line_is_encoded() -> None:
    assert encoded("Zürich") == "Zürich"
    assert encoded("United States") == "United%20States"
    assert encoded("100%\t\n") == "100%25%09%0A"
    assert encoded('"a"') == "%22a%22"
    assert encoded("a\u202eb") == "a%E2%80%AEb"  # would turn the writing direction


def test_spaces_may_stay_inside_but_not_at_the_ends() -> None:
    assert encoded(" a b ", spaces=True) == "%20a b%20"


def test_empty_name_is_a_word_that_no_other_name_becomes() -> None:
    assert encoded("") == "%"
    assert encoded("%") == "%25"
    assert decoded("%") == ""


@pytest.mark.parametrize("spaces", [False, True])
@given(name=TEXTS)
def test_names_come_back(name: str, spaces: bool) -> None:
    word = encoded(name, spaces=spaces)
    assert decoded(word) == name
    assert word
    assert not set(word) & set('\t\n\r\v\f"\x1c\x1d\x1e\x85\u2028')
    assert spaces or not any(character.isspace() for character in word)
