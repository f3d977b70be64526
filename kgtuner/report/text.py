"""Values as text that is safe to print: names from data files, metrics, settings."""

from __future__ import annotations

import math
import unicodedata
from typing import Any

METRIC_TITLES = {
    "mrr": "MRR",
    "hits_at_1": "Hits@1",
    "hits_at_3": "Hits@3",
    "hits_at_10": "Hits@10",
    "mean_rank": "mean rank",
    "adjusted_mean_rank_index": "AMRI",
}

CONTROL = {"Cc", "Cs", "Zl", "Zp"}
TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def printable(text: object, *, lines: bool = False) -> str:
    """Text with control characters and such that turn the writing direction shown as escapes.

    A name in a data file could otherwise move the cursor, change the window's title, or hide a line.
    With `lines` line breaks stay.
    """
    return "".join(_escaped(c) if _acts(c) and not (lines and c == "\n") else c for c in str(text))


def metric_title(name: str) -> str:
    return METRIC_TITLES.get(name, name)


def metric_value(name: str, value: float | None) -> str:
    """A metric with four digits, the mean rank with one; a dash when there is none."""
    if value is None or not math.isfinite(value):
        return "–"
    return f"{value:,.1f}" if name == "mean_rank" else f"{value:.4f}"


def setting(value: Any) -> str:
    """A hyper-parameter's value: numbers short, the empty string where it has none."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() and abs(value) < 1e6 else f"{value:.4g}"
    return printable(value)


def _acts(character: str) -> bool:
    return unicodedata.category(character) in CONTROL or character in TURNING


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "backslashreplace").decode("ascii")
