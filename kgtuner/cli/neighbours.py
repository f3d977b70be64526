"""`kgtuner neighbours`: which entities a model treats alike."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from kgtuner.cli.arguments import command, whole
from kgtuner.cli.outcome import Outcome

if TYPE_CHECKING:
    from rich.console import Console

EPILOG = """\
Near is what has a high cosine between the embeddings: 1 for the same direction, 0 for a right angle. It says which
entities the model treats alike, not which are linked; for links ask kgtuner predict.
"""


def add(commands: Any) -> None:
    parser = command(commands, "neighbours", run, "find the entities most like one", epilog=EPILOG)
    parser.add_argument("folder", metavar="RUN", help="the folder of a tuning or a training")
    parser.add_argument("entity", metavar="NAME", help="an entity of the graph")
    parser.add_argument("-k", type=whole(1), default=10, metavar="N", help="how many (default 10)")


def run(args: argparse.Namespace) -> Outcome:
    """The entities with the most similar embeddings."""
    from kgtuner.tuning.loading import load_predictor

    near = load_predictor(args.folder).neighbours(args.entity, args.k)

    def show(console: Console) -> None:
        from kgtuner.report.verdicts import show_neighbours

        show_neighbours(args.entity, near, console)

    return Outcome({"entity": args.entity, "neighbours": [n.to_mapping() for n in near]}, show)
