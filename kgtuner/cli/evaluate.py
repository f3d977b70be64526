"""`kgtuner evaluate`: rank the test triples with the best model of a run."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from kgtuner.cli.arguments import command
from kgtuner.cli.outcome import Outcome

if TYPE_CHECKING:
    from rich.console import Console


def add(commands: Any) -> None:
    parser = command(commands, "evaluate", run, "rank a split with the best model of a run")
    parser.add_argument("folder", metavar="RUN", help="the folder of a tuning or a training")
    parser.add_argument(
        "--split", choices=("valid", "test"), default="test", metavar="SPLIT", help="test (default) or valid"
    )


def run(args: argparse.Namespace) -> Outcome:
    """Filtered metrics overall, per direction, per relation and per relation category."""
    from kgtuner.api.evaluation import evaluate

    evaluation = evaluate(args.folder, split=args.split)

    def show(console: Console) -> None:
        from kgtuner.report.tables import show_evaluation

        show_evaluation(evaluation, console)

    return Outcome({"run": args.folder, **evaluation.to_mapping()}, show)
