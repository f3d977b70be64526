"""Verdicts, probabilities and neighbours as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from kgtuner.report.text import printable

if TYPE_CHECKING:
    from kgtuner.prediction import Calibration, ClassificationMetrics, Neighbour, Verdict

SHOWN = 50
"""Verdicts in a table; `--json` and `--output` have all."""


def show_answered(counts: Mapping[str, int], output: str, console: Console) -> None:
    """How many questions of a file were answered."""
    line = f"{counts['answers']:,} answers to {counts['questions']:,} questions in {output}"
    if counts["unanswered"]:
        line += f"; {counts['unanswered']:,} have no answer that is not in the graph already"
    console.print(Text(printable(line)), soft_wrap=True)


def show_verdicts(
    counts: Mapping[str, int], verdicts: Sequence[Verdict] | None, output: str | None, console: Console
) -> None:
    """The verdicts on the triples of a file, or where they are."""
    if verdicts is not None:
        rows = [
            (
                f"({v.head}, {v.relation}, {v.tail})",
                "true" if v.label else "false",
                f"{v.probability:.3f}",
                f"{v.score:.4g}",
                f"{v.threshold:.4g}",
                "yes" if v.known else "",
            )
            for v in verdicts[:SHOWN]
        ]
        _table(console, ("", "verdict", "probability", "score", "threshold", "in the graph"), rows)
        if len(verdicts) > SHOWN:
            console.print(Text(f"and {len(verdicts) - SHOWN:,} more; --json or --output FILE has all"))
    place = "" if output is None else f"; all verdicts in {output}"
    line = f"{counts['true']:,} of {counts['triples']:,} triples taken for true{place}"
    console.print(Text(printable(line)), soft_wrap=True)


def show_metrics(metrics: ClassificationMetrics, split: str, console: Console) -> None:
    """How well the true triples of a split were told from false ones."""
    figures = ((name, getattr(metrics, name)) for name in ("accuracy", "precision", "recall", "f1"))
    _table(console, (f"split {split}", ""), [(name, f"{value:.4f}") for name, value in figures])
    _table(
        console,
        ("", "taken for true", "taken for false"),
        [
            ("true triples", f"{metrics.true_positives:,}", f"{metrics.false_negatives:,}"),
            ("false triples", f"{metrics.false_positives:,}", f"{metrics.true_negatives:,}"),
        ],
    )


def show_calibration(calibration: Calibration, console: Console) -> None:
    """How well probabilities fit, before and after, and the table behind the reliability figure."""
    after = calibration.after[calibration.method]
    both = (("sigmoid of the score", calibration.before), (f"calibrated ({calibration.method})", after))
    _table(
        console,
        ("held-out validation triples", "calibration error", "Brier score"),
        [(name, f"{figure.calibration_error:.4f}", f"{figure.brier:.4f}") for name, figure in both],
    )
    _table(
        console,
        ("calibrated probability", "share of triples", "mean probability", "truly true"),
        [
            (f"{b.low:.1f} to {b.high:.1f}", f"{b.share:.3f}", f"{b.mean:.3f}", f"{b.true:.3f}")
            for b in after.bins
        ],
    )
    console.print(
        Text(
            f"{calibration.validation_triples:,} validation triples against {calibration.corruptions:,} "
            f"corruptions, even mix; {len(calibration.own)} relations have a curve of their own."
        ),
        soft_wrap=True,
    )


def show_neighbours(entity: str, near: Sequence[Neighbour], console: Console) -> None:
    """Entities with the cosines of their embeddings."""
    _table(console, (f"nearest to {entity}", "cosine"), [(n.entity, f"{n.cosine:.4f}") for n in near])


def _table(console: Console, titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for place, title in enumerate(titles):
        table.add_column(Text(printable(title)), justify="right" if place else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    console.print(table)
