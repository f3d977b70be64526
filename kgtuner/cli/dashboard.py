"""`kgtuner dashboard`: look at the trials of a run in a browser."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from kgtuner.cli.arguments import command, whole
from kgtuner.cli.outcome import Outcome

PORT = 8080

EPILOG = """\
Shows a copy of the study that follows the run, which may be going on: nothing is changed or locked. Listens on
this machine only, until Ctrl-C. Needs optuna-dashboard: pip install 'kgtuner[dashboard]'
"""


def add(commands: Any) -> None:
    parser = command(
        commands,
        "dashboard",
        run,
        "look at the trials of a run in a browser (optuna-dashboard)",
        epilog=EPILOG,
    )
    parser.add_argument("folder", metavar="RUN", help="the folder of a tuning")
    parser.add_argument(
        "--port",
        type=whole(0),
        default=PORT,
        metavar="N",
        help=f"of 127.0.0.1 (default {PORT}); 0 takes a free one",
    )


def run(args: argparse.Namespace) -> Outcome:
    """Serve until Ctrl-C, with the address on standard error."""
    if args.port > 65535:
        from kgtuner.errors import ConfigError

        raise ConfigError(f"--port must be at most 65535, got {args.port}")

    from kgtuner.tracking.dashboard import serve

    def on_ready(address: str) -> None:
        print(f"{address} shows {args.folder}; Ctrl-C ends", file=sys.stderr, flush=True)

    address = serve(args.folder, args.port, on_ready)
    return Outcome({"run": args.folder, "address": address}, lambda console: None)
