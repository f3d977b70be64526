"""Writes the tables and figures of docs/performance.md from benchmarks/results.

    python benchmarks/performance.py               # after other benchmarks have left new results
    python benchmarks/performance.py --check       # is the page up to date? exit code 1 if not

Only what stands between two markers is replaced, `<!-- made: NAME -->` and `<!-- end: NAME -->`; the words around them
are written by hand and stay. A result that is not there is named as not measured. The same results give the same bytes.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import record
from page.figures import FIGURES
from page.sections import SECTIONS

DOCS = Path(__file__).parents[1] / "docs"
NAMES = ("speed", "speed_cuda", "growth", "time_to_mrr", "memory", "quality")
MARKED = re.compile(r"<!-- made: (?P<name>[\w ]+) -->\n(?P<old>.*?)<!-- end: (?P=name) -->", re.DOTALL)


def read(folder: Path) -> dict[str, dict[str, Any]]:
    """The results that are there, by name."""
    files = {name: folder / f"{name}.json" for name in NAMES}
    return {
        name: json.loads(file.read_text(encoding="utf-8")) for name, file in files.items() if file.exists()
    }


def filled(page: str, parts: Mapping[str, str]) -> str:
    """The page with what stands between its markers replaced.

    Raises:
        SystemExit: when the markers of a part are missing, or name a part that does not exist.
    """
    found = [match["name"] for match in MARKED.finditer(page)]
    if sorted(found) != sorted(parts):
        missing = ", ".join(sorted(set(parts) - set(found))) or "none"
        unknown = ", ".join(sorted(set(found) - set(parts))) or "none"
        raise SystemExit(
            "the page needs the markers of each part once, <!-- made: NAME --> and <!-- end: NAME --> each on a "
            f"line of its own; missing: {missing}; unknown: {unknown}"
        )

    def part(match: re.Match[str]) -> str:
        name = match["name"]
        return f"<!-- made: {name} -->\n\n{parts[name]}\n\n<!-- end: {name} -->"

    return MARKED.sub(part, page)


def made(page: str, results: Mapping[str, dict[str, Any]]) -> tuple[str, dict[str, str]]:
    """The page and the figures by file name; a figure without a result is left out of both."""
    figures = {name: svg for name, draw in FIGURES.items() if (svg := draw(results)) is not None}
    parts = {name: write(results) for name, write in SECTIONS.items()}
    homes = {"speed.svg": "training", "growth.svg": "growth", "time_to_mrr.svg": "time to MRR"}
    titles = {"speed.svg": "Ours beside the peers", "growth.svg": "Growth", "time_to_mrr.svg": "Time to MRR"}
    for name in figures:
        parts[homes[name]] += f"\n\n![{titles[name]}](figures/{name})"
    return filled(page, parts), figures


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 if something is old")
    parser.add_argument("--quick", action="store_true", help="make the page, write nothing")
    options = parser.parse_args()
    target = DOCS / "performance.md"
    page, figures = made(target.read_text(encoding="utf-8"), read(record.RESULTS))
    if options.quick:
        print(f"{len(page):,} characters, {len(figures)} figures")
        return
    wanted = {target: page, **{DOCS / "figures" / name: svg for name, svg in figures.items()}}
    gone = [DOCS / "figures" / name for name in FIGURES if name not in figures]
    old = [p for p, words in wanted.items() if not p.exists() or p.read_text(encoding="utf-8") != words]
    old += [path for path in gone if path.exists()]
    for path in old:
        print(f"{path.relative_to(DOCS.parent)} is {'old' if options.check else 'new'}")
    if options.check:
        raise SystemExit(1 if old else 0)
    for path in old:
        if path in wanted:
            path.write_text(wanted[path], encoding="utf-8")
        else:
            path.unlink()


if __name__ == "__main__":
    main()
