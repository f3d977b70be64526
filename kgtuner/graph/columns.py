"""Which columns of a table are head, relation and tail: as the caller says, or by names that the field uses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kgtuner.errors import DataError
from kgtuner.graph.text_blocks import shown
from kgtuner.registry import unknown

ROLES = ("head", "relation", "tail")

HEADERS = (
    ("head", "relation", "tail"),
    ("subject", "predicate", "object"),
    ("subject", "relation", "object"),
    ("source", "relation", "target"),
    ("source", "predicate", "target"),
    ("h", "r", "t"),
    ("s", "p", "o"),
)
"""Names of columns that are recognised, whatever their case and order."""

Columns = Sequence[str | int] | Mapping[str, str | int] | None
"""Head, relation and tail by the names of their columns, or by position from 1 in a file without a header."""


def parse_columns(text: str) -> tuple[str, str, str]:
    """`head=person,relation=does,tail=thing` as the three names, in this order.

    Raises:
        DataError: unless each of head, relation and tail is there once.
    """
    given = [part.partition("=") for part in text.split(",")]
    named = {role.strip(): column.strip() for role, _, column in given}
    if len(given) != 3 or set(named) != set(ROLES) or not all(named.values()):
        raise DataError(
            f"columns must read head=NAME,relation=NAME,tail=NAME with names or positions from 1, got {text!r}"
        )
    return named["head"], named["relation"], named["tail"]


def is_header(fields: Sequence[str]) -> bool:
    """Whether the fields have the names of head, relation and tail."""
    plain = {field.strip().lower() for field in fields}
    return any(plain.issuperset(names) for names in HEADERS)


def choose_columns(fields: Sequence[str], columns: Columns, file: str) -> tuple[tuple[int, int, int], bool]:
    """Where head, relation and tail stand in a row, from 0, and whether the first row is a header.

    Raises:
        DataError: if a column is not there or is there twice, or if there is no telling which are meant.
    """
    if columns is None:
        for names in HEADERS:
            plain = [field.strip().lower() for field in fields]
            if set(names) <= set(plain):
                head, relation, tail = (_place(plain, name, file) for name in names)
                return (head, relation, tail), True
        if len(fields) != 3:
            raise DataError(cannot_tell(file, fields))
        return (0, 1, 2), False
    asked = [columns.get(role) for role in ROLES] if isinstance(columns, Mapping) else list(columns)
    if len(asked) != 3 or None in asked:
        raise DataError(f"columns must name head, relation and tail, got {columns!r}")
    wanted = [str(column) for column in asked]
    if all(name.isdecimal() and name not in fields for name in wanted):
        places = [int(name) - 1 for name in wanted]
        if not all(0 <= place < len(fields) for place in places):
            raise DataError(f"{file} has {len(fields)} columns, numbered from 1, got {', '.join(wanted)}")
        has_header = False
    else:
        places = [_place(fields, name, file) for name in wanted]
        has_header = True
    if len(set(places)) < 3:
        raise DataError(f"head, relation and tail must be three different columns, got {', '.join(wanted)}")
    return (places[0], places[1], places[2]), has_header


def _place(fields: Sequence[str], name: str, file: str) -> int:
    found = [i for i, field in enumerate(fields) if field == name]
    found = found or [i for i, field in enumerate(fields) if field.strip().lower() == name.strip().lower()]
    if not found:
        raise DataError(f"{file} line 1: {unknown('column', name, [field.strip() for field in fields])}")
    if len(found) > 1:
        raise DataError(f"{file} line 1: two columns have the name {name!r}; rename one, or give positions")
    return found[0]


def cannot_tell(file: str, fields: Sequence[str]) -> str:
    """The sentence about a first line that names no columns."""
    return (
        f"{file} line 1: cannot tell which of the columns {shown(', '.join(fields))} are head, relation and tail; "
        "say it with --columns head=NAME,relation=NAME,tail=NAME of kgtuner datasets import"
    )
