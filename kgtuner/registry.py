"""Look a name up in a table, and say what was probably meant when it is not there."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import TypeVar

from kgtuner.errors import ConfigError

T = TypeVar("T")


def lookup(kind: str, name: str, table: Mapping[str, T]) -> T:
    """The entry called `name`.

    Raises:
        ConfigError: `unknown model 'dismult'. Did you mean 'distmult'? Known: …`.
    """
    if name in table:
        return table[name]
    raise ConfigError(unknown(kind, name, table))


def unknown(kind: str, name: object, known: Iterable[str]) -> str:
    """The sentence for a name that is not among the known ones, with the nearest one offered."""
    names = list(known)
    near = difflib.get_close_matches(str(name).lower(), names, n=1, cutoff=0.5)
    hint = f"Did you mean {near[0]!r}? " if near else ""
    return f"unknown {kind} {str(name)!r}. {hint}Known: {', '.join(names)}"
