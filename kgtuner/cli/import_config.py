"""`kgtuner import-config`: a configuration of another library as one of ours."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from kgtuner.cli.arguments import command
from kgtuner.cli.outcome import Outcome

if TYPE_CHECKING:
    from rich.console import Console

SOURCES = ("auto", "kgtuner-paper", "libkge", "pykeen")

EPILOG = """\
sources:
  kgtuner-paper  the published configurations of KGTuner; --dataset and --model choose one of a collection
  libkge         the YAML of a training job, of a checkpoint, or of a search whose values are all fixed
  pykeen         a pipeline in JSON or YAML, such as an HPO's best_pipeline/pipeline_config.json
What has no counterpart here is listed on standard error, and in the file as comments.
"""


def add(commands: Any) -> None:
    parser = command(commands, "import-config", run, "convert another library's configuration", epilog=EPILOG)
    parser.add_argument("file", metavar="FILE", help="a YAML or JSON file")
    parser.add_argument(
        "--from", dest="source", choices=SOURCES, default="auto", metavar="SOURCE", help=", ".join(SOURCES)
    )
    parser.add_argument("--dataset", metavar="NAME", help="of a published collection: found on this data set")
    parser.add_argument("--model", metavar="NAME", help="of a published collection: for this model")
    parser.add_argument(
        "--output", required=True, metavar="FILE", help="the YAML file to write, for kgtuner train --config"
    )


def _keep_the_original(file: str, output: str) -> None:
    from pathlib import Path

    from kgtuner.errors import ConfigError

    given, written = Path(file), Path(output)
    try:
        same = given.resolve() == written.resolve() or (written.exists() and written.samefile(given))
    except (
        OSError,
        RuntimeError,
        ValueError,
    ):  # a loop of links, a name that cannot be: reading it will tell
        same = False
    if same:
        raise ConfigError(f"--output {output} is the file to convert, which is kept; choose another name")


def run(args: argparse.Namespace) -> Outcome:
    """Write the configuration and say how to train it."""
    from kgtuner.api.exchange import import_config
    from kgtuner.report.text import printable

    _keep_the_original(args.file, args.output)
    imported = import_config(args.file, source=args.source, dataset=args.dataset, model=args.model)
    imported.save(args.output, args.file)
    for sentence in imported.not_converted:
        print(printable(f"not converted: {sentence}"), file=sys.stderr)

    def show(console: Console) -> None:
        graph = imported.dataset or "GRAPH"
        console.print(f"{printable(args.output)}: {imported.config.model.name}, from {imported.source}")
        console.print(f"kgtuner train {printable(graph)} --config {printable(args.output)}")

    return Outcome({"output": args.output, **imported.to_mapping()}, show)
