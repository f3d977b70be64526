"""Triples and questions in files: CSV and TSV with a header, plain triples (.txt), Parquet."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kgtuner.errors import ConfigError, DataError
from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.graph.parquet import name_batches
from kgtuner.graph.text_blocks import shown
from kgtuner.prediction.cells import from_cell
from kgtuner.registry import unknown
from kgtuner.types import Triples

COLUMNS = ("head", "relation", "tail")
READABLE = (".csv", ".tsv", ".txt", ".parquet")
OPEN = -1
"""Stands for what is asked, where ids of entities and relations stand."""

BATCH = 100_000
SHOWN = 80
"""Characters of bad cells in a message."""

Row = tuple[str, str, str, str]
"""Where it stands ("line 3"), head, relation, tail; an empty name is one that is asked for."""


def read_triples(path: Path, graph: KnowledgeGraph) -> Triples:
    """(n, 3) int64 ids of the triples in a file.

    Raises:
        DataError: with the file and the line or row of what is wrong, and the nearest known name.
        ConfigError: for a file name with another ending.
    """
    return _read(path, graph, None)


def read_questions(path: Path, graph: KnowledgeGraph) -> Triples:
    """(n, 3) int64 ids of questions: as `read_triples`, with OPEN for the one name a row leaves empty."""
    return _read(path, graph, 1)


def ending(path: Path, known: Sequence[str]) -> str:
    """The ending of a file's name, in lower case.

    Raises:
        ConfigError: if it is none of the known ones.
    """
    if path.suffix.lower() not in known:
        raise ConfigError(f"{path}: {unknown('file ending', path.suffix, known)}")
    return path.suffix.lower()


def pyarrow_parquet() -> Any:
    """The module that reads and writes Parquet, from an extra."""
    try:
        import pyarrow.parquet
    except ImportError:
        raise ConfigError(
            "Parquet files need pyarrow, which is not installed: pip install 'kgtuner[parquet]'"
        ) from None
    return pyarrow.parquet


def _read(path: Path, graph: KnowledgeGraph, open_names: int | None) -> Triples:
    kind = ending(path, READABLE)
    if not path.is_file():
        raise DataError(f"{path} {'is not a file' if path.exists() else 'does not exist'}")
    rows = _parquet_rows(path) if kind == ".parquet" else _text_rows(path, kind)
    finders = (graph.entity_id, graph.relation_id, graph.entity_id)
    spelled = kind in (".csv", ".tsv")
    seen: tuple[dict[str, int], ...] = ({}, {}, {})
    parts = [np.empty((0, 3), dtype=np.int64)]
    batch: list[list[int]] = []
    for where, *names in rows:
        ids = []
        for name, known, find, column in zip(names, seen, finders, COLUMNS, strict=True):
            number = known.get(name)
            if number is None:
                number = OPEN if not name else _find(name, find, f"{path.name} {where}", column, spelled)
                known[name] = number
            ids.append(number)
        missing = ids.count(OPEN)
        if missing != (open_names or 0):
            raise DataError(f"{path.name} {where}: {_complaint(names, open_names)}")
        batch.append(ids)
        if len(batch) == BATCH:
            parts.append(np.array(batch, dtype=np.int64))
            batch = []
    parts.append(np.array(batch, dtype=np.int64).reshape(-1, 3))
    triples: Triples = np.concatenate(parts)
    if not len(triples):
        raise DataError(
            f"{path.name} has no row below its columns: expected one head, relation and tail a row"
        )
    return triples


def _find(name: str, find: Callable[[str], int], where: str, column: str, spelled: bool) -> int:
    """The id of a name as `cells.to_cell` writes it, or else as it stands."""
    if spelled and from_cell(name) != name:
        try:
            return find(from_cell(name))
        except DataError:
            pass
    try:
        return find(name)
    except DataError as error:
        sentence = str(error).replace(repr(name), shown(name))
        raise DataError(f"{where}, {column}: {sentence}") from None


def _complaint(names: Sequence[str], open_names: int | None) -> str:
    empty = [column for column, name in zip(COLUMNS, names, strict=True) if not name]
    if open_names is None:
        return f"{' and '.join(empty)} must not be empty"
    got = " and ".join(empty) + " are empty" if empty else "none is"
    return f"exactly one of head, relation and tail must be empty, as that is what is asked, but {got}"


def _text_rows(path: Path, kind: str) -> Iterator[Row]:
    """Rows of a text file; a .txt is what graphs are kept in: no header, no quotes, tab-separated."""
    plain = kind == ".txt"
    dialect: dict[str, Any] = {"delimiter": "," if kind == ".csv" else "\t", "strict": True}
    if plain:
        dialect |= {"quoting": csv.QUOTE_NONE, "quotechar": None}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file, **dialect)
            places: list[int] | None = [0, 1, 2] if plain else None
            width = 3
            last = 0
            for cells in rows:
                line, last = last + 1, rows.line_num  # a quoted cell may run over several lines
                if not cells:
                    continue
                if places is None:
                    places, width = _places(cells, f"{path.name} line {line}"), len(cells)
                    continue
                if len(cells) != width:
                    some = repr(cells)[:SHOWN]
                    raise DataError(
                        f"{path.name} line {line}: expected {width} fields, got {len(cells)}: {some}"
                    )
                head, relation, tail = (cells[place] for place in places)
                yield f"line {line}", head, relation, tail
    except csv.Error as error:
        raise DataError(f"{path.name} line {rows.line_num}: {error}") from None
    except UnicodeDecodeError as error:
        bad = error.object[error.start]
        raise DataError(f"{path.name}: expected UTF-8 text, got byte 0x{bad:02x}; convert {path}") from None
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from None


def _parquet_rows(path: Path) -> Iterator[Row]:
    parquet = pyarrow_parquet()
    import pyarrow as pa

    try:
        schema = parquet.read_schema(path)
        _places(schema.names, path.name)
        for name in COLUMNS:
            _check_type(schema.field(name).type, path.name, name)
        row = 0
        for named in name_batches(path, COLUMNS, path):
            for head, relation, tail in zip(*named, strict=True):
                row += 1
                yield f"row {row}", head, relation, tail
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"cannot read {path}: {str(error).splitlines()[0]}") from None


def _check_type(column: Any, file: str, name: str) -> None:
    import pyarrow as pa

    kind = column.value_type if pa.types.is_dictionary(column) else column
    text = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    if not (pa.types.is_null(kind) or any(is_kind(kind) for is_kind in text)):
        raise DataError(f"{file}: the column {name} must hold text, got {kind}")


def _places(names: Sequence[str], where: str) -> list[int]:
    """Where head, relation and tail stand among the columns."""
    for column in COLUMNS:
        if list(names).count(column) != 1:
            count = "no" if column not in names else "more than one"
            some = ", ".join(map(repr, names))[:SHOWN]
            raise DataError(f"{where}: {count} column {column!r} among the columns {some}")
    return [list(names).index(column) for column in COLUMNS]
