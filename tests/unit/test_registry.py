"""Names are looked up, and a misspelt one comes with what was probably meant."""

from __future__ import annotations

import pytest

from kgtuner.errors import ConfigError
from kgtuner.registry import lookup, unknown

TABLE = {"distmult": 1, "complex": 2}


def test_name_in_the_table_is_found() -> None:
    assert lookup("model", "complex", TABLE) == 2


def test_misspelt_name_comes_with_the_nearest() -> None:
    with pytest.raises(ConfigError) as caught:
        lookup("model", "dismult", TABLE)
    assert str(caught.value) == "unknown model 'dismult'. Did you mean 'distmult'? Known: distmult, complex"


def test_capital_letters_are_no_obstacle_to_the_hint() -> None:
    assert "Did you mean 'complex'?" in unknown("model", "ComplEx", TABLE)


def test_name_like_no_other_comes_without_a_hint() -> None:
    assert unknown("model", "xyzzy", TABLE) == "unknown model 'xyzzy'. Known: distmult, complex"


def test_name_that_is_no_text_is_shown_as_one() -> None:
    assert unknown("section", 3, TABLE).startswith("unknown section '3'.")
