"""`kgtuner train`: one configuration, from a file or the model's default."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, Any

from kgtuner.cli.arguments import command, folder_name, given, graph_name, whole
from kgtuner.cli.outcome import Outcome, hint_when_interrupted
from kgtuner.errors import ConfigError

if TYPE_CHECKING:
    from rich.console import Console

    from kgtuner.training.trainer import CurvePoint

DEFAULT_MODEL = "complex"
SETTINGS = ("config", "model", "seed", "output", "metric", "device", "threads")

EPILOG = """\
A training that was interrupted goes on when the same command is given again; one that has ended is printed.
"""


def add(commands: Any) -> None:
    parser = command(commands, "train", run, "train one configuration", epilog=EPILOG)
    parser.add_argument(
        "graph", help="a data set (see `kgtuner datasets`), a folder with train, valid and test, or a file"
    )
    parser.add_argument("--config", metavar="FILE", help="a YAML file, such as the best.yaml of a tuning")
    parser.add_argument(
        "--model", metavar="NAME", help="without --config: the default configuration of this model"
    )
    parser.add_argument("--seed", type=whole(0), metavar="N", help="decides all that is random (default 0)")
    parser.add_argument(
        "--output", metavar="FOLDER", help="the run folder (default runs/<graph>-<config>-seed<N>)"
    )
    parser.add_argument("--metric", help="what validation looks for (default mrr)")
    parser.add_argument("--device", help="auto (default), cpu, cuda or cuda:1")
    parser.add_argument("--threads", type=whole(1), metavar="N", help="CPU threads (default 1)")
    parser.add_argument(
        "--track",
        action="append",
        default=[],
        metavar="NAME:PLACE",
        help="show the training elsewhere too: tensorboard:DIR or mlflow:URI; may be given several times",
    )


def run(args: argparse.Namespace) -> Outcome:
    """Train, with a line for each validation on standard error."""
    if args.config is not None and args.model is not None:
        raise ConfigError("the model stands in the configuration: give either --config or --model, not both")
    settings = given(args, SETTINGS)
    what = os.path.basename(args.config or args.model or DEFAULT_MODEL).removesuffix(".yaml")
    name = folder_name(graph_name(args.graph), what, f"seed{args.seed or 0}")
    output = settings.setdefault("output", os.path.join("runs", name))

    from kgtuner.api.training import train
    from kgtuner.report.display import validation_line
    from kgtuner.report.text import printable
    from kgtuner.tracking import tracker

    if args.track:
        settings["observer"] = [tracker(spec) for spec in args.track]

    def on_validation(point: CurvePoint) -> None:
        print(validation_line(point, settings.get("metric", "mrr")), file=sys.stderr, flush=True)

    def on_note(message: str) -> None:
        print(printable(message), file=sys.stderr, flush=True)

    with hint_when_interrupted(output, "give the same command again to go on"):
        result = train(args.graph, **settings, on_validation=on_validation, on_note=on_note)

    def show(console: Console) -> None:
        from kgtuner.report.tables import show_training

        show_training(result, console)

    return Outcome(result.to_mapping(), show)
