"""`kgtuner classify`: whether triples are true."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from kgtuner.cli.arguments import command
from kgtuner.cli.outcome import Outcome
from kgtuner.errors import ConfigError

if TYPE_CHECKING:
    from rich.console import Console

EPILOG = """\
Judge the triples of a file, with the columns head, relation and tail:
  kgtuner classify RUN --input triples.csv
  kgtuner classify RUN --input triples.csv --output verdicts.csv
Or measure how well true triples are told from false ones:
  kgtuner classify RUN --split test --negatives false.txt
Each relation has a threshold from the validation triples and corruptions of them, or from --valid-negatives.
Files are as for kgtuner predict: .csv, .tsv, .parquet, or .txt without a header.
"""


def add(commands: Any) -> None:
    parser = command(commands, "classify", run, "say which triples are true", epilog=EPILOG)
    parser.add_argument("folder", metavar="RUN", help="the folder of a tuning or a training")
    parser.add_argument("--input", metavar="FILE", help="triples to judge")
    parser.add_argument("--output", metavar="FILE", help="where the verdicts go, with --input")
    parser.add_argument("--negatives", metavar="FILE", help="false triples, to measure with")
    parser.add_argument(
        "--split",
        choices=("valid", "test"),
        metavar="SPLIT",
        help="the true triples, with --negatives: test (default) or valid",
    )
    parser.add_argument(
        "--valid-negatives", metavar="FILE", help="false triples to set the thresholds with, with --negatives"
    )


def run(args: argparse.Namespace) -> Outcome:
    """Verdicts on the triples of a file, or accuracy, precision, recall and F1."""
    if (args.input is None) == (args.negatives is None):
        raise ConfigError(
            "give either --input with triples to judge, or --negatives with false ones to measure"
        )
    if args.input is None and args.output is not None:
        raise ConfigError("--output is for the verdicts on --input; metrics are printed")
    if args.input is not None and (args.split or args.valid_negatives):
        extra = "--split" if args.split else "--valid-negatives"
        raise ConfigError(f"{extra} is for measuring: give --negatives with it, or leave it out with --input")

    from kgtuner.tuning.loading import load_predictor

    predictor = load_predictor(args.folder)
    if args.input is None:
        split = args.split or "test"
        metrics = predictor.classification_metrics(args.negatives, split, args.valid_negatives)

        def show_figures(console: Console) -> None:
            from kgtuner.report.verdicts import show_metrics

            show_metrics(metrics, split, console)

        return Outcome({"split": split, "negatives": args.negatives, **metrics.to_mapping()}, show_figures)
    judged = predictor.classify_file(args.input, args.output)
    verdicts = judged.pop("verdicts", None)

    def show(console: Console) -> None:
        from kgtuner.report.verdicts import show_verdicts

        show_verdicts(judged, verdicts, args.output, console)

    mapping = {"input": args.input, "output": args.output, **judged}
    if verdicts is not None:
        mapping["verdicts"] = [verdict.to_mapping() for verdict in verdicts]
    return Outcome(mapping, show)
