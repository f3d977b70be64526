"""`kgtuner compare`: several runs side by side."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from kgtuner.cli.arguments import command
from kgtuner.cli.outcome import Outcome

if TYPE_CHECKING:
    from rich.console import Console


def add(commands: Any) -> None:
    parser = command(commands, "compare", run, "put runs side by side")
    parser.add_argument("folders", metavar="RUN", nargs="+", help="folders of tunings, two or more")
    parser.add_argument("--output", metavar="FILE", help="also write an HTML page")


def run(args: argparse.Namespace) -> Outcome:
    """Metrics, budgets, and where the best configurations differ."""
    from kgtuner.api.report import compare

    found = compare(args.folders, args.output)

    def show(console: Console) -> None:
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
        table.add_column("")
        for name in found.names:
            table.add_column(Text(name), justify="right", overflow="fold")
        for title, values in found.rows:
            table.add_row(Text(title), *map(Text, values))
        console.print(table)
        for warning in found.warnings:
            console.print(Text(warning), soft_wrap=True)
        if args.output:
            console.print(Text(str(args.output)), soft_wrap=True)

    return Outcome({**found.to_mapping(), "report": args.output}, show)
