"""What sections of a page are made of: plain values that the page's script turns into elements.

Text goes in as it is; `kgtuner.report.html.page` escapes all of it on its way into the page.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kgtuner.plots.style import notice_of
from kgtuner.report.text import printable

if TYPE_CHECKING:
    import plotly.graph_objects as go

Block = dict[str, Any]


def section(anchor: str, title: str, *blocks: Block, lead: str = "", short: str = "") -> Block:
    """A part of the page with a heading of its own; the table of contents has `short` and leads to `anchor`."""
    return {
        "anchor": anchor,
        "title": title,
        "short": short,
        "lead": lead,
        "blocks": [b for b in blocks if b],
    }


def text(sentence: str, *, quiet: bool = False) -> Block:
    return {"type": "text", "text": printable(sentence), "quiet": quiet}


def code(content: str, title: str) -> Block:
    """Text to be copied: a button does it."""
    return {"type": "code", "text": printable(content, lines=True), "title": title}


def figure(drawn: go.Figure, *, title: str = "", caption: str = "", least_width: int = 0) -> Block:
    """A plot, or the sentence that stands in its place.

    Args:
        drawn: from `kgtuner.plots`.
        title, caption: above and below it.
        least_width: pixels below which the plot scrolls instead of shrinking.
    """
    sentence = notice_of(drawn)
    if sentence is not None:
        return {"type": "notice", "title": title, "text": printable(sentence)}
    return {
        "type": "figure",
        "title": title,
        "caption": printable(caption),
        "leastWidth": least_width,
        "figure": drawn.to_plotly_json(),
    }


def column(title: str, *, digits: int | None = None, kind: str = "number", hint: str = "") -> Block:
    """A column of a table: kind "text", "number" (so many digits behind the point) or "setting"."""
    return {"title": printable(title), "digits": digits, "kind": kind, "hint": hint}


def table(
    columns: Sequence[Block],
    rows: Sequence[Sequence[Any]],
    *,
    sortable: bool = False,
    filters: Sequence[int] = (),
    limit: int | None = None,
    label: str = "",
    memory: str = "",
    marks: Sequence[str] = (),
) -> Block:
    """Cells are texts, numbers or None.

    Args:
        columns, rows: from `column`, and a cell for each.
        sortable: by a click on a heading.
        filters: columns with a choice of their values above the table, beside a search in all of it.
        limit: rows that are shown at first.
        label: what the table is, for those who cannot see it.
        memory: under which the page remembers what a reader sorted and filtered: a table with other rows needs another.
        marks: for each row a class: "best", "failed", "default" or "".
    """
    return {
        "type": "table", "columns": list(columns), "rows": [[cell(c) for c in row] for row in rows],
        "sortable": sortable, "filters": list(filters), "limit": limit, "label": label, "memory": memory,
        "marks": list(marks),
    }  # fmt: skip


def cell(value: Any) -> Any:
    """A value as a cell: numbers with six digits, text that is safe to show, None for nothing."""
    if hasattr(value, "item"):
        value = value.item()
    if value is None or isinstance(value, bool):
        return None if value is None else ("true" if value else "false")
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value if isinstance(value, int) else printable(value)


def cards(*shown: tuple[str, str, str]) -> Block:
    """Large figures: (title, value, note)."""
    return {"type": "cards", "cards": [[printable(part) for part in card] for card in shown]}


def facts(pairs: Mapping[str, object]) -> Block:
    """Names and values in two columns."""
    return {"type": "facts", "facts": [[printable(name), printable(value)] for name, value in pairs.items()]}


def tabs(*titled: tuple[str, Sequence[Block]]) -> Block:
    """Blocks of which one set is seen at a time; on paper all are."""
    kept = [{"title": printable(title), "blocks": list(blocks)} for title, blocks in titled if blocks]
    return {"type": "tabs", "tabs": kept} if kept else {}


def grid(*blocks: Block) -> Block:
    """Side by side where there is room."""
    return {"type": "grid", "blocks": [b for b in blocks if b]}
