"""Names as cells of CSV and TSV files that a spreadsheet may open, and back."""

from __future__ import annotations

ACTIVE = frozenset("=+-@＝＋－＠\t\r\n'")
"""First characters that make a spreadsheet run a cell as a formula, and the apostrophe that stops it.

Source: https://owasp.org/www-community/attacks/CSV_Injection
"""


def to_cell(name: str) -> str:
    """A name with an apostrophe before it if a spreadsheet could take it for a formula.

    A name that begins with an apostrophe gets one too: so `from_cell` gives every name back.
    """
    return "'" + name if name[:1] in ACTIVE and name else name


def from_cell(cell: str) -> str:
    """The name behind a cell: the inverse of `to_cell`; a cell that it never writes is a name as it stands."""
    return cell[1:] if cell[:1] == "'" and cell[1:2] in ACTIVE and len(cell) > 1 else cell
