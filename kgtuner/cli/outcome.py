"""What a command hands back to be printed."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.console import Console


INTERRUPTED, BROKEN_PIPE = 130, 141
"""Exit codes as shells give them for the signals; those of errors are in `kgtuner.errors`."""


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


@contextmanager
def hint_when_interrupted(output: str, hint: str) -> Iterator[None]:
    """Say how to go on where Ctrl-C ends a command before it has a result, if anything lies in `output`."""
    try:
        yield
    except KeyboardInterrupt:
        if os.path.exists(os.path.join(output, "run.json")):
            raise KeyboardInterrupt(f"interrupted; {output} is kept; {hint}") from None
        raise


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
