"""What a command hands back to be printed."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True)
class Outcome:
    """The end of a command, for programs and for people: only one of the two is printed."""

    mapping: Mapping[str, Any]
    show: Callable[[Console], None]
    exit_code: int = 0

    def print(self, stream: TextIO, *, as_json: bool) -> None:
        if as_json:
            print(json_line(self.mapping), file=stream)
            return
        from kgtuner.report.console import make_console

        self.show(make_console(stream))


def json_line(mapping: Mapping[str, Any]) -> str:
    """One JSON object on one line; a number that is not finite becomes null, as JSON has none."""
    return json.dumps(_plain(mapping), allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | int):
        return value
    if hasattr(value, "item"):  # a NumPy number
        return _plain(value.item())
    return str(value)
