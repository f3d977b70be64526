"""`kgtuner export`: a run's model or configuration for another library."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from kgtuner.cli.arguments import command
from kgtuner.cli.outcome import Outcome

if TYPE_CHECKING:
    from rich.console import Console

FORMATS = ("pykeen", "libkge", "huggingface", "npz", "parquet", "word2vec")

EPILOG = """\
formats:
  pykeen       a pipeline that PyKEEN runs, the triples, and the trained model for PyKEEN
  libkge       a training job for LibKGE and the graph as its data set
  huggingface  parameters, configuration and a model card
  npz, parquet, word2vec
               the embeddings with their names
What has no counterpart there is listed on standard error and in the README of the folder.
"""


def add(commands: Any) -> None:
    parser = command(
        commands, "export", run, "write the best model of a run for another library", epilog=EPILOG
    )
    parser.add_argument("folder", metavar="RUN", help="the folder of a tuning or a training")
    parser.add_argument("--to", required=True, choices=FORMATS, metavar="FORMAT", help=", ".join(FORMATS))
    parser.add_argument("--output", required=True, metavar="FOLDER", help="a folder that is not there yet")


def run(args: argparse.Namespace) -> Outcome:
    """Write the folder and say what is in it."""
    from kgtuner.api.exchange import export
    from kgtuner.report.text import printable

    result = export(args.folder, to=args.to, output=args.output)
    for sentence in result.not_converted:
        print(printable(f"not converted: {sentence}"), file=sys.stderr)

    def show(console: Console) -> None:
        console.print(f"{printable(result.output)}: {', '.join(result.files)}")

    return Outcome(result.to_mapping(), show)
