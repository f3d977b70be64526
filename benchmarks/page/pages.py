"""Pages of docs/ with tables and figures made from benchmarks/results; the words around them are written by hand."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Mapping
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
MARKED = re.compile(r"<!-- made: (?P<name>[\w -]+) -->\n(?P<old>.*?)<!-- end: (?P=name) -->", re.DOTALL)


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


def write(description: str | None, made: Callable[[], Mapping[Path, str | None]]) -> None:
    """What the script of a page does: write the files that are new, or with --check end with 1 if there are any.

    Args:
        made: gives the text of each file; None where there must be none.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 if something is old")
    parser.add_argument("--quick", action="store_true", help="make the page, write nothing")
    options = parser.parse_args()
    files = made()
    if options.quick:
        print(", ".join(f"{path.name}: {len(text or ''):,} characters" for path, text in files.items()))
        return
    there = {path: path.read_text(encoding="utf-8") if path.exists() else None for path in files}
    old = [path for path, text in files.items() if there[path] != text]
    for path in old:
        print(f"{path.relative_to(DOCS.parent)} is {'old' if options.check else 'new'}")
    if options.check:
        raise SystemExit(1 if old else 0)
    for path in old:
        text = files[path]
        if text is None:
            path.unlink()
        else:
            path.write_text(text, encoding="utf-8")
