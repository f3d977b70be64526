"""Trackers that need a library which is not always there."""

from __future__ import annotations

from importlib import import_module

from kgtuner.errors import ConfigError


def require(module: str, extra: str, what: str) -> None:
    """See to it that an optional library is there before anything is started.

    Raises:
        ConfigError: with the command that installs it.
    """
    try:
        import_module(module)
    except ImportError as error:
        missing = error.name or module
        raise ConfigError(
            f"{what} needs {missing}, which is not installed; get it by: pip install 'kgtuner[{extra}]'"
        ) from None
