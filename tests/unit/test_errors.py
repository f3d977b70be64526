"""The tree of errors is the one that the module draws, and scripts can tell its branches apart."""

from __future__ import annotations

import inspect

import pytest

from kgtuner import errors
from kgtuner.errors import ConfigError, DataError, KGTunerError, RunError, TrialFailed

ALL = [cls for _, cls in inspect.getmembers(errors, inspect.isclass) if issubclass(cls, Exception)]


@pytest.mark.parametrize("cls", ALL, ids=lambda cls: cls.__name__)
def test_every_error_is_drawn_in_the_tree(cls: type[KGTunerError]) -> None:
    assert issubclass(cls, KGTunerError)
    assert errors.__doc__ is not None
    assert cls.__name__ in errors.__doc__


def test_kinds_of_errors_have_exit_codes_of_their_own() -> None:
    codes = [cls.exit_code for cls in (KGTunerError, ConfigError, DataError, RunError, TrialFailed)]
    assert codes == [1, 2, 3, 4, 5]


def test_failed_trials_tell_their_reasons_apart() -> None:
    kinds = [cls for cls in ALL if issubclass(cls, TrialFailed)]
    assert len({cls.reason for cls in kinds}) == len(kinds) == 5
    assert {cls.exit_code for cls in kinds} == {5}
