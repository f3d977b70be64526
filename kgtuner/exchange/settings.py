"""Foreign settings by dotted name, of which every one is used or reported."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from kgtuner.errors import ConfigError
from kgtuner.report.text import printable

SHOWN = 60
"""Characters of a value in a report."""

OFF = {"training.halve_learning_rate_after"}
"""Settings of ours that are off as None, while leaving them out turns them on."""

EPOCHS_DECIDE = 10_000_000
"""Steps that no training reaches, for configurations that count epochs."""

_MISSING = object()


class Settings:
    """A nested mapping, flattened; `rest` has what nobody asked for.

    Keys may be dotted already, as LibKGE writes them: `{"train.type": "1vsAll", "train": {"loss": "kl"}}`.
    """

    def __init__(self, mapping: Mapping[Any, Any]) -> None:
        self.values: dict[str, Any] = dict(_flat(mapping, ""))
        self._taken: set[str] = set()

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def take(self, *keys: str, default: Any = None) -> Any:
        """The value of the first of these keys that is there; all of them count as used."""
        found = _MISSING
        for key in keys:
            if key in self.values:
                self._taken.add(key)
                found = self.values[key] if found is _MISSING else found
        return default if found is _MISSING else found

    def number(self, *keys: str, default: float | None = None) -> float | None:
        """As `take`, for a finite number.

        Raises:
            ConfigError: for something else.
        """
        value = self.take(*keys, default=default)
        if value is None or value is default:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float) or not _finite(value):
            raise ConfigError(f"{_named(keys, self.values)} must be a finite number, got {shown(value)}")
        return value

    def whole(self, *keys: str, default: int | None = None) -> int | None:
        """As `number`, for a whole one."""
        value = self.number(*keys, default=default)
        if value is not None and value != int(value):
            raise ConfigError(f"{_named(keys, self.values)} must be a whole number, got {shown(value)}")
        return None if value is None else int(value)

    def text(self, *keys: str, default: str | None = None) -> str | None:
        """As `take`, for a text; nothing after the colon means the default.

        Raises:
            ConfigError: for something else.
        """
        value = self.take(*keys, default=default)
        if value is None:
            return default
        if not isinstance(value, str):
            raise ConfigError(f"{_named(keys, self.values)} must be a text, got {shown(value)}")
        return value

    def keep(self, ours: Mapping[str, Any]) -> None:
        """Count those of these keys as used whose value is what happens here anyway; `rest` has the others."""
        for key, value in ours.items():
            found = self.values.get(key, _MISSING)
            if found is not _MISSING and (found is None or (type(found) is type(value) and found == value)):
                self._taken.add(key)

    def drop(self, *keys: str) -> None:
        """Count keys as used that mean nothing for us; a key ending in `.` stands for all below it."""
        for key in keys:
            self._taken |= {k for k in self.values if k == key or (key.endswith(".") and k.startswith(key))}

    def rest(self) -> list[str]:
        """`key = value` for each setting that was not used, in the order of the file."""
        return [
            f"{printable(k)} = {shown(v)}" for k, v in self.values.items() if k not in self._taken and v != {}
        ]


def shown(value: Any) -> str:
    """A value as text that is safe to print, and short."""
    text = printable(repr(value))
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"


def known(key: str, value: Any, table: Mapping[str, str]) -> str:
    """Our name for a foreign one, whatever its case and its underscores.

    Raises:
        ConfigError: for a name that has no counterpart.
    """
    if isinstance(value, str):
        plain = normalised(value)
        for theirs, ours in table.items():
            if normalised(theirs) == plain:
                return ours
    raise ConfigError(f"{key} {shown(value)} has no counterpart in KGTuner, which knows: {', '.join(table)}")


def normalised(name: str) -> str:
    return "".join(c for c in name.lower() if c.isalnum())


def nested(flat: Mapping[str, Any], sections: Iterable[str]) -> dict[str, dict[str, Any]]:
    """`{"model.name": …}` as sections, `name` first; what is None is left out, unless None means off."""
    result: dict[str, dict[str, Any]] = {}
    for section in sections:
        own = {
            name.partition(".")[2]: value
            for name, value in flat.items()
            if name.startswith(f"{section}.") and (value is not None or name in OFF)
        }
        if own:
            result[section] = {k: own[k] for k in sorted(own, key=lambda k: k != "name")}
    return result


def _finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond all floats
        return False


def _flat(value: Mapping[Any, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, item in value.items():
        name = f"{prefix}{key}"
        if isinstance(item, Mapping) and item:
            yield from _flat(item, f"{name}.")
        else:
            yield name, item


def _named(keys: Iterable[str], values: Mapping[str, Any]) -> str:
    return next(key for key in keys if key in values)
