"""`kgtuner predict`: what a trained model expects where a triple is incomplete."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from kgtuner.cli.arguments import command, given, share, whole
from kgtuner.cli.outcome import Outcome
from kgtuner.errors import ConfigError

if TYPE_CHECKING:
    from rich.console import Console

PARTS = ("head", "relation", "tail")

EPILOG = """\
Give two of the three; the third is predicted:
  kgtuner predict RUN --head France --relation borders
  kgtuner predict RUN --relation borders --tail France
  kgtuner predict RUN --head France --tail Spain
Or many questions in a file, with the columns head, relation and tail, one of them empty in each row:
  kgtuner predict RUN --input questions.csv --output answers.parquet -k 10
Files are .csv, .tsv or .parquet; .txt is read as well: tab-separated without a header. In CSV and TSV a name that
a spreadsheet could take for a formula gets an apostrophe before it, and loses it again when it is read.
Scores compare the answers of one question; they are no probabilities: --probabilities adds those.
"""


def add(commands: Any) -> None:
    parser = command(commands, "predict", run, "ask the best model of a run for missing links", epilog=EPILOG)
    parser.add_argument("folder", metavar="RUN", help="the folder of a tuning or a training")
    for part in PARTS:
        parser.add_argument(f"--{part}", metavar="NAME")
    parser.add_argument("--input", metavar="FILE", help="a table of questions")
    parser.add_argument("--output", metavar="FILE", help="where the table of answers goes, with --input")
    parser.add_argument("-k", type=whole(1), default=10, metavar="N", help="how many answers (default 10)")
    parser.add_argument(
        "--known",
        choices=("exclude", "mark", "keep"),
        default="exclude",
        metavar="HOW",
        help="answers that stand in the graph, in whichever split: exclude (default) leaves them out, "
        "mark says which they are, keep does not look",
    )
    parser.add_argument(
        "--probabilities",
        action="store_true",
        help="how likely each answer is to be true; calibrated on first use (see kgtuner calibrate)",
    )
    parser.add_argument(
        "--prior",
        type=share,
        metavar="SHARE",
        help="share of true triples among those that are judged (default 0.5); implies --probabilities",
    )


def run(args: argparse.Namespace) -> Outcome:
    """The best answers to the one question that the arguments leave open, or to those of a file."""
    question = {part: getattr(args, part) for part in PARTS}
    if (args.input is None) != (args.output is None):
        raise ConfigError(
            "--input and --output belong together: a file of questions, and one for the answers"
        )
    if args.input is not None:
        return _file(args, question)
    if list(question.values()).count(None) != 1:
        raise ConfigError("give exactly two of --head, --relation and --tail; the third is predicted")

    from kgtuner.tuning.loading import load_predictor

    answers = load_predictor(args.folder).predict_batch(
        [(args.head, args.relation, args.tail)],
        args.k,
        args.known,
        probabilities=args.probabilities or args.prior is not None,
        **given(args, ["prior"]),
    )[0]

    def show(console: Console) -> None:
        from kgtuner.report.tables import show_predictions

        show_predictions(question, answers, console)

    return Outcome({"question": question, "predictions": [answer.to_mapping() for answer in answers]}, show)


def _file(args: argparse.Namespace, question: dict[str, str | None]) -> Outcome:
    extra = [f"--{part}" for part, name in question.items() if name is not None]
    if extra:
        raise ConfigError(f"--input takes all questions from the file: leave out {', '.join(extra)}")

    from kgtuner.tuning.loading import load_predictor

    counts = load_predictor(args.folder).predict_file(
        args.input,
        args.output,
        args.k,
        args.known,
        probabilities=args.probabilities or args.prior is not None,
        **given(args, ["prior"]),
    )

    def show(console: Console) -> None:
        from kgtuner.report.verdicts import show_answered

        show_answered(counts, args.output, console)

    return Outcome({"input": args.input, "output": args.output, **counts}, show)
