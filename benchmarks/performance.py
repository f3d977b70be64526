"""Writes the tables and figures of docs/performance.md from benchmarks/results.

    python benchmarks/performance.py               # after other benchmarks have left new results
    python benchmarks/performance.py --check       # is the page up to date? exit code 1 if not

Only what stands between two markers is replaced, `<!-- made: NAME -->` and `<!-- end: NAME -->`; the words around them
are written by hand and stay. A result that is not there is named as not measured. The same results give the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import record
from page.figures import FIGURES
from page.pages import DOCS, filled, write
from page.sections import SECTIONS

NAMES = ("speed", "speed_cuda", "growth", "time_to_mrr", "memory", "startup", "row_updates", "quality")


def read(folder: Path) -> dict[str, dict[str, Any]]:
    """The results that are there, by name."""
    files = {name: folder / f"{name}.json" for name in NAMES}
    return {
        name: json.loads(file.read_text(encoding="utf-8")) for name, file in files.items() if file.exists()
    }


def made(page: str, results: Mapping[str, dict[str, Any]]) -> tuple[str, dict[str, str]]:
    """The page and the figures by file name; a figure without a result is left out of both."""
    figures = {name: svg for name, draw in FIGURES.items() if (svg := draw(results)) is not None}
    parts = {name: section(results) for name, section in SECTIONS.items()}
    homes = {"speed.svg": "training", "growth.svg": "growth", "time_to_mrr.svg": "time to MRR"}
    titles = {"speed.svg": "Ours beside the peers", "growth.svg": "Growth", "time_to_mrr.svg": "Time to MRR"}
    for name in figures:
        parts[homes[name]] += f"\n\n![{titles[name]}](figures/{name})"
    return filled(page, parts), figures


def files() -> dict[Path, str | None]:
    """The page and its figures; None for a figure whose result is not there."""
    target = DOCS / "performance.md"
    page, figures = made(target.read_text(encoding="utf-8"), read(record.RESULTS))
    return {target: page, **{DOCS / "figures" / name: figures.get(name) for name in FIGURES}}


if __name__ == "__main__":
    write(__doc__, files)
