from __future__ import annotations

import io

from kgtuner.report.console import WIDTH, make_console


def test_names_are_not_taken_for_markup() -> None:
    stream = io.StringIO()
    make_console(stream).print("[red]warm[/red] :smile: 12")
    assert stream.getvalue() == "[red]warm[/red] :smile: 12\n"


def test_a_file_has_room_for_a_table() -> None:
    assert make_console(io.StringIO()).width == WIDTH
