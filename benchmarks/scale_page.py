"""Writes the tables and the figure of docs/scale.md from benchmarks/results/scale.json.

    python benchmarks/scale_page.py           # after scale.py has left new results
    python benchmarks/scale_page.py --check   # is the page up to date? exit code 1 if not

As `performance.py` does it: what stands between markers is replaced, the words around them are written by hand.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import record
from page.drawing import COLOURS, Line, lines
from page.pages import DOCS, filled, write

Rows = dict[tuple[str, str], dict[str, Any]]

SIZES = {"wikikg2-0.0625": 1 / 16, "wikikg2-0.25": 1 / 4, "wikikg2-1": 1.0}
FULL = "wikikg2-1"
GROWN = {  # piece, the figure in it, what it is called
    "load": ("cpu_seconds", "load"),
    "index": ("cpu_seconds", "index of known answers"),
    "walk": ("cpu_seconds", "walk, subgraph and its false answers"),
    "train": ("cpu_microseconds_per_query", "training step, a query"),
    "rank": ("cpu_seconds", "ranking 20,000 triples"),
}


def number(value: float) -> str:
    """Three digits, no more."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.2g}" if value < 1 else f"{value:.3g}"


def machine(result: dict[str, Any]) -> str:
    about = result["environment"]
    loads = [row["load_average"] for row in result["rows"]]
    return (
        f"{about['processor']}, {about['cores']} cores, {about['memory_gb']} GB; torch {about['torch']}, numpy "
        f"{about['numpy']}. Other programs used the machine: the load average was {min(loads):g} to {max(loads):g}, so "
        "the clock says several times more than an idle machine would."
    )


def work(rows: Rows, graph: str) -> str:
    """The targets of one graph: what was measured beside what was aimed at."""

    def row(what: str, aim: str, piece: str, shown: str | None = None) -> str:
        found = rows.get((graph, piece))
        if found is None:
            return f"| {what} | {aim} | not measured | – | – |"
        seconds = shown or f"{number(found['seconds'])} s"
        own = f"{number(found['cpu_seconds'])} s" if "cpu_seconds" in found else "–"
        return f"| {what} | {aim} | {seconds} | {own} | {found['peak_gb']:g} GB |"

    train, aims = rows.get((graph, "train")), graph == FULL
    speed = (
        None
        if train is None
        else f"{number(train['queries_per_second'])} queries/s, {train['ratio_to_wn18rr']:.2f} of WN18RR's"
    )
    fetch = rows.get((graph, "fetch"))
    fetched = (
        None
        if fetch is None
        else f"{number(fetch['queries_per_second'])} queries/s, {fetch['ratio_to_tables_on_the_device']:.2f} of the "
        f"rate without in the same run; a GPU would hold {fetch['planned_device_mb']:.0f} MB of "
        f"{number(fetch['planned_total_gb'])} GB"
    )
    index = rows.get((graph, "index"))
    built = (
        None
        if index is None
        else f"{number(index['seconds'])} s, {number(index['index_gb'])} GB, "
        f"at most {number(index['peak_gb_above_loading'])} GB more than loading"
    )
    return "\n".join(
        [
            "| work | aimed at | by the clock | processor | peak memory |",
            "|---|---|---|---|---|",
            row("first conversion from OGB's files", "≤ 5 min, ≤ 16 GB" if aims else "–", "convert"),
            row("later load from the cache", "≤ 5 s" if aims else "–", "load"),
            row("index of known answers", "≤ 60 s, ≤ 1.5 GB" if aims else "–", "index", built),
            row("walk to 20% of the entities, subgraph", "≤ 60 s, ≤ 4 GB" if aims else "–", "walk"),
            row("training steps", "≥ 0.5 of WN18RR's, ≤ 10 GB" if aims else "–", "train", speed),
            row("the same with tables on the host, all on the CPU", "–", "fetch", fetched),
            row("ranking 20,000 triples, 2 x 500", "≤ 30 s" if aims else "–", "rank"),
        ]
    )


def growth(rows: Rows) -> str:
    head = "| work, processor time | " + " | ".join(f"{share:g}" for share in SIZES.values())
    lines_made = [head + " | 1 beside 1/16 |", "|---|" + "---|" * (len(SIZES) + 1)]
    for piece, (figure, what) in GROWN.items():
        values = [rows.get((graph, piece), {}).get(figure) for graph in SIZES]
        unit = "µs" if "micro" in figure else "s"
        cells = ["not measured" if v is None else f"{number(v)} {unit}" for v in values]
        first, last = values[0], values[-1]
        ratio = "–" if not first or last is None else f"{last / first:.1f}x"
        lines_made.append(f"| {what} | " + " | ".join(cells) + f" | {ratio} |")
    return "\n".join(lines_made)


def tuning(rows: Rows) -> str:
    made = [
        "| graph | budget | used | killed at | trials on the subgraph / in full | test MRR found / default | peak |",
        "|---|---|---|---|---|---|---|",
    ]
    names = {FULL: "wikikg2 size", "wikikg2-0.25": "a quarter of it", "biokg-1": "biokg size"}
    for graph, name in names.items():
        run = rows.get((graph, "tune"))
        if run is None:
            made.append(f"| {name} | not measured | – | – | – | – | – |")
            continue
        stages = {stage["stage"]: stage["trials"] for stage in run["stages"]}
        default, found = (
            "not ranked" if run[key] is None else f"{run[key]:.3f}"
            for key in ("default_test_mrr", "test_mrr")
        )
        made.append(
            f"| {name} | {run['budget_seconds']:.0f} s | {run['seconds']:.0f} s | {run['killed_at']:.0f} s | "
            f"{stages.get('subgraph', 0)} / {stages.get('full', 0)} | {found} / {default} | "
            f"{run['trial_peak_mb'] / 1000:.1f} GB |"
        )
    return "\n".join(made)


def figure(rows: Rows) -> str | None:
    """Processor time beside that at 1/16; linear growth is the dashed line."""
    curves = []
    for i, (piece, (name, what)) in enumerate(GROWN.items()):
        values = [rows.get((graph, piece), {}).get(name) for graph in SIZES]
        if all(values):
            points = [(16 * s, math.log2(v / values[0])) for s, v in zip(SIZES.values(), values, strict=True)]
            curves.append(Line(what, points, COLOURS[i]))
    if not curves:
        return None
    linear = Line(
        "in proportion to the graph", [(16 * s, math.log2(16 * s)) for s in SIZES.values()], "#24292f", True
    )
    return lines(
        "Work as the graph grows: doublings of the processor time (4 is 16 times)",
        "times the smallest graph",
        "doublings",
        [*curves, linear],
        x_ticks=(1, 2, 4, 8, 16),
        y_ticks=tuple(range(-1, 6)),
        log_x=True,
    )


def made(page: str, result: dict[str, Any]) -> tuple[str, str | None]:
    rows: Rows = {(row["graph"], row["piece"]): row for row in result["rows"]}
    drawn = figure(rows)
    shown = growth(rows) + ("" if drawn is None else "\n\n![Growth](figures/scale.svg)")
    parts = {
        "machine": machine(result),
        "wikikg2": work(rows, FULL),
        "growth": shown,
        "biokg": work(rows, "biokg-1"),
        "tuning": tuning(rows),
    }
    return filled(page, parts), drawn


def files() -> dict[Path, str | None]:
    """The page and its figure."""
    target = DOCS / "scale.md"
    result = json.loads((record.RESULTS / "scale.json").read_text(encoding="utf-8"))
    page, drawn = made(target.read_text(encoding="utf-8"), result)
    return {target: page, DOCS / "figures" / "scale.svg": drawn}


if __name__ == "__main__":
    write(__doc__, files)
