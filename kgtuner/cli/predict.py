"""`kgtuner predict`: what a trained model expects where a triple is incomplete."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from kgtuner.cli.arguments import command, whole
from kgtuner.cli.outcome import Outcome
from kgtuner.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from kgtuner.prediction import LinkPredictor, Prediction, RelationPrediction

EPILOG = """\
Give two of the three; the third is predicted:
  kgtuner predict RUN --head France --relation borders
  kgtuner predict RUN --relation borders --tail France
  kgtuner predict RUN --head France --tail Spain
Scores compare the answers of one question; they are no probabilities.
"""


def add(commands: Any) -> None:
    parser = command(commands, "predict", run, "ask the best model of a run for missing links", epilog=EPILOG)
    parser.add_argument("folder", metavar="RUN", help="the folder of a tuning or a training")
    for part in ("head", "relation", "tail"):
        parser.add_argument(f"--{part}", metavar="NAME")
    parser.add_argument("-k", type=whole(1), default=10, metavar="N", help="how many answers (default 10)")
    parser.add_argument(
        "--known",
        choices=("exclude", "mark", "keep"),
        default="exclude",
        metavar="HOW",
        help="answers that stand in the graph, in whichever split: exclude (default) leaves them out, "
        "mark says which they are, keep does not look",
    )


def run(args: argparse.Namespace) -> Outcome:
    """The best answers to the one question that the arguments leave open."""
    question = {part: getattr(args, part) for part in ("head", "relation", "tail")}
    asked = [part for part, name in question.items() if name is None]
    if len(asked) != 1:
        raise ConfigError("give exactly two of --head, --relation and --tail; the third is predicted")

    from kgtuner.tuning.loading import load_predictor

    answers = _answers(load_predictor(args.folder), args)

    def show(console: Console) -> None:
        from kgtuner.report.tables import show_predictions

        show_predictions(question, answers, console)

    return Outcome({"question": question, "predictions": [answer.to_mapping() for answer in answers]}, show)


def _answers(
    model: LinkPredictor, args: argparse.Namespace
) -> Sequence[Prediction] | Sequence[RelationPrediction]:
    if args.tail is None:
        return model.predict_tails(args.head, args.relation, args.k, args.known)
    if args.head is None:
        return model.predict_heads(args.relation, args.tail, args.k, args.known)
    return model.predict_relations(args.head, args.tail, args.k, args.known)
