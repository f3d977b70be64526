"""`kgtuner report`: a run as one HTML file."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kgtuner.cli.arguments import command
from kgtuner.cli.outcome import Outcome
from kgtuner.errors import ConfigError

if TYPE_CHECKING:
    from rich.console import Console

EPILOG = """\
The file needs nothing else and no network: open it in a browser, send it, print it. `kgtuner tune` writes it
into the run folder at its end; this command writes it again, or while the run goes on.
"""


def add(commands: Any) -> None:
    parser = command(commands, "report", run, "write a run's report: one HTML file", epilog=EPILOG)
    parser.add_argument(
        "folder", metavar="RUN", help="the folder of a tuning, finished or not, or of a training"
    )
    parser.add_argument("--output", metavar="FILE", help="where to write it (default RUN/report.html)")
    parser.add_argument(
        "--figures", metavar="DIR", help="also write the plots as PNG and SVG; needs kgtuner[figures]"
    )
    parser.add_argument(
        "--live", action="store_true", help="write it again every ten seconds until the run ends"
    )
    parser.add_argument(
        "--no-examples",
        dest="examples",
        action="store_false",
        help="leave out what the model answers to held-out triples",
    )


def run(args: argparse.Namespace) -> Outcome:
    """Write the report and say where it is."""
    if args.live and (args.figures or not args.examples):
        option = "--figures" if args.figures else "--no-examples"
        raise ConfigError(f"--live writes the page only: leave out {option}, or call report again at the end")

    from kgtuner.api.report import report_live, write_report
    from kgtuner.report.text import printable

    if args.live:

        def told(path: Path) -> None:
            print(f"wrote {printable(path)}; the run goes on", file=sys.stderr)

        path = report_live(args.folder, args.output, on_write=told)
    else:
        path = write_report(args.folder, args.output, figures=args.figures, examples=args.examples)
    size = path.stat().st_size

    def show(console: Console) -> None:
        console.print(f"{printable(path)} ({size / 1e6:.1f} MB)", soft_wrap=True)
        if args.figures:
            console.print(f"{printable(args.figures)} (figures as PNG and SVG)", soft_wrap=True)

    return Outcome({"run": args.folder, "report": str(path), "bytes": size, "figures": args.figures}, show)
