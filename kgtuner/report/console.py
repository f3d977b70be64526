"""The two places text goes to, set up so that data is never taken for markup."""

from __future__ import annotations

from typing import TextIO

from rich.console import Console

WIDTH = 110
"""Columns where nobody's window sets them, as in a file or a pipe."""


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Leave it to the caller; Rich would end the program here, with the code of an error."""
        raise BrokenPipeError


def make_console(stream: TextIO) -> Console:
    """A console on which `[red]` and `:smile:` are just text."""
    console = _Console(file=stream, markup=False, emoji=False, highlight=False)
    if not console.is_terminal:
        console.width = WIDTH
    return console
