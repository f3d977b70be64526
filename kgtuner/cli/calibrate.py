"""`kgtuner calibrate`: how the scores of a model become probabilities, and how far these can be trusted."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from kgtuner.cli.arguments import command, whole
from kgtuner.cli.outcome import Outcome

if TYPE_CHECKING:
    from rich.console import Console

EPILOG = """\
Fits the calibration of the model anew, keeps it in the run folder as calibration.json, and shows how well the
probabilities of held-out validation triples fit. Other commands fit it on first use, so this is for looking.
"""


def add(commands: Any) -> None:
    parser = command(
        commands, "calibrate", run, "fit probabilities and show how far to trust them", epilog=EPILOG
    )
    parser.add_argument("folder", metavar="RUN", help="the folder of a tuning or a training")
    parser.add_argument(
        "--seed", type=whole(0), default=0, metavar="N", help="decides the corruptions (default 0)"
    )
    parser.add_argument("--figure", metavar="FILE", help="draw the reliability figure: .svg, .png or .pdf")


def run(args: argparse.Namespace) -> Outcome:
    """Calibration error and Brier score before and after, and the table behind the figure."""
    from kgtuner.report.reliability_figure import drawable, save_reliability

    if args.figure is not None:
        drawable(args.figure)

    from kgtuner.tuning.loading import load_predictor

    calibration = load_predictor(args.folder).calibrate(args.seed)
    if args.figure is not None:
        save_reliability(calibration, args.figure)

    def show(console: Console) -> None:
        from kgtuner.report.verdicts import show_calibration

        show_calibration(calibration, console)

    summary = {
        "method": calibration.method,
        "own_curves": len(calibration.own),
        "validation_triples": calibration.validation_triples,
        "corruptions": calibration.corruptions,
        "before": calibration.before.to_mapping(),
        "after": calibration.after[calibration.method].to_mapping(),
        "figure": args.figure,
    }
    return Outcome({"run": args.folder, **summary}, show)
