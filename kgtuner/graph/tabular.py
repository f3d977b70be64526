"""Tables with named columns -> triples: CSV (RFC 4180), tab-separated text with a header, Parquet.

Which columns are head, relation and tail: see `columns`.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from kgtuner.errors import DataError
from kgtuner.graph.columns import ROLES, Columns, cannot_tell, choose_columns, is_header
from kgtuner.graph.parquet import name_batches
from kgtuner.graph.reading import Vocabulary, read_file
from kgtuner.graph.text_blocks import file_name, lines, pieces, shown
from kgtuner.types import Triples

ROWS = 10_000  # rows at a time; more would keep the garbage collector busy


def read_csv(path: Path, entities: Vocabulary, relations: Vocabulary, columns: Columns = None) -> Triples:
    """(n, 3) triples of a comma-separated file; quotes as in RFC 4180, so a name may hold commas and line ends.

    The first line is a header if it has the names of `HEADERS` or those in `columns`. A file of three columns
    may do without one.

    Raises:
        DataError: with file and line; also if the first line looks like a header that nobody can know.
    """
    first = next(_csv_rows(path), None)
    if first is None:
        raise DataError(f"{file_name(path)} is empty: expected a header and one triple a line in {path}")
    where, has_header = choose_columns(first, columns, file_name(path))
    table = _Table(path, _csv_rows, _csv_numbers, len(first), where, has_header)
    triples = _read_rows(table, entities, relations)
    if not has_header and columns is None:
        _check_no_header(triples, first, path)
    return triples


def read_tsv(path: Path, entities: Vocabulary, relations: Vocabulary, columns: Columns = None) -> Triples:
    """(n, 3) triples of tab-separated text; nothing is a quote. A header is recognised as in `read_csv`.

    Raises:
        DataError: with file and line.
    """
    _, some = next(lines(path), (1, [""]))
    first = some[0].split("\t")
    if columns is None and not is_header(first):
        return read_file(path, entities, relations)
    where, has_header = choose_columns(first, columns, file_name(path))
    table = _Table(path, _tsv_rows, _tsv_numbers, len(first), where, has_header)
    return _read_rows(table, entities, relations)


def read_parquet(path: Path, entities: Vocabulary, relations: Vocabulary, columns: Columns = None) -> Triples:
    """(n, 3) triples of a Parquet file, whose columns of text or whole numbers are chosen as in `read_csv`.

    Raises:
        DataError: if pyarrow is not installed, or the file is no Parquet file; with the row of a missing name;
            for a file that would not fit into memory, and for a name that is too long (see `parquet`).
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise DataError(
            f"reading {path.name} needs pyarrow, which is not installed: pip install 'kgtuner[parquet]'"
        ) from None
    parts: list[Triples] = []
    try:
        packed = path.suffix.lower() == ".gz"
        source = pa.BufferReader(b"".join(pieces(path, whole=True))) if packed else path
        schema = pq.read_schema(source)
        where, has_header = choose_columns(schema.names, columns, file_name(path))
        if not has_header and columns is None:
            raise DataError(cannot_tell(file_name(path), schema.names))
        chosen = [schema.field(place) for place in where]
        for field in chosen:
            _check_type(field, pa, path)
        row = 1
        for named in name_batches(source, [field.name for field in chosen], path):
            for role, column in zip(ROLES, named, strict=True):
                if not all(column):
                    bad = row + column.index("")
                    raise DataError(f"{file_name(path)} row {bad}: the {role} is empty; expected a name")
            parts.append(_encode(named[0], named[1], named[2], entities, relations))
            row += len(named[0])
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            f"{file_name(path)} is not a readable Parquet file: {str(error).splitlines()[0]}"
        ) from None
    if not parts:
        raise DataError(f"{file_name(path)} is empty: expected one triple a row in {path}")
    return np.concatenate(parts)


def _check_no_header(triples: Triples, first: Sequence[str], path: Path) -> None:
    """Refuse a first line whose three names occur nowhere else: it is a header, and would become a triple."""
    h, r, t = triples[0]
    rest = triples[1:]
    if len(rest) and not ((rest[:, 1] == r).any() or np.isin(rest[:, [0, 2]], (h, t)).any()):
        raise DataError(
            f"{cannot_tell(file_name(path), first)} (or head=1,relation=2,tail=3, if the first line is a triple)"
        )


@dataclass(frozen=True)
class _Table:
    """A file of rows; which line a row begins in is found out when there is something to complain about."""

    path: Path
    rows: Callable[[Path], Iterator[list[str]]]
    numbers: Callable[[Path], Iterator[int]]  # of the lines in which the same rows begin
    width: int
    where: tuple[int, int, int]
    has_header: bool

    def line(self, row: int) -> int:
        """The line in which a row begins, counted from 0 without the header."""
        return next(islice(self.numbers(self.path), row + self.has_header, None))


def _csv_rows(path: Path) -> Iterator[list[str]]:
    """The fields of every row that is not blank."""
    try:
        yield from filter(None, _csv_reader(path))
    except csv.Error:
        for _ in _csv_numbers(path):
            pass  # raises the same with the line in which the row begins
        raise


def _csv_numbers(path: Path) -> Iterator[int]:
    reader, began = _csv_reader(path), 1
    try:
        for row in reader:
            if row:
                yield began
            began = reader.line_num + 1
    except csv.Error as error:
        raise DataError(
            f"{file_name(path)} line {began}: {error}; expected CSV as in RFC 4180 in {path}"
        ) from None


def _csv_reader(path: Path) -> Any:
    return csv.reader((f"{line}\n" for _, some in lines(path) for line in some), strict=True)


def _tsv_rows(path: Path) -> Iterator[list[str]]:
    return (line.split("\t") for _, some in lines(path) for line in some)


def _tsv_numbers(path: Path) -> Iterator[int]:
    return (number for first, some in lines(path) for number in range(first, first + len(some)))


def _read_rows(table: _Table, entities: Vocabulary, relations: Vocabulary) -> Triples:
    parts: list[Triples] = []
    rows = islice(table.rows(table.path), int(table.has_header), None)
    done = 0
    while some := list(islice(rows, ROWS)):
        if set(map(len, some)) != {table.width}:
            i, row = next((i, row) for i, row in enumerate(some) if len(row) != table.width)
            found = f"{len(row)} fields, expected {table.width} as in the first line"
            raise DataError(
                f"{file_name(table.path)} line {table.line(done + i)}: {found}: {shown(', '.join(row))}"
            )
        head, relation, tail = ([row[place] for row in some] for place in table.where)
        for role, column in zip(ROLES, (head, relation, tail), strict=True):
            if not all(column):
                line = table.line(done + column.index(""))
                raise DataError(f"{file_name(table.path)} line {line}: the {role} is empty; expected a name")
        parts.append(_encode(head, relation, tail, entities, relations))
        done += len(some)
    if not parts:
        raise DataError(
            f"{file_name(table.path)} has a header but no triple: expected one a line in {table.path}"
        )
    return np.concatenate(parts)


def _encode(
    heads: list[str], middle: list[str], tails: list[str], entities: Vocabulary, relations: Vocabulary
) -> Triples:
    """(n, 3) ids; entities are numbered triple by triple, head before tail, as in every other format."""
    ends = [""] * (2 * len(heads))
    ends[0::2], ends[1::2] = heads, tails
    triples = np.empty((len(heads), 3), dtype=np.int64)
    ids = np.fromiter(map(entities.__getitem__, ends), np.int64, len(ends))
    triples[:, 0], triples[:, 2] = ids[0::2], ids[1::2]
    triples[:, 1] = np.fromiter(map(relations.__getitem__, middle), np.int64, len(heads))
    return triples


def _check_type(field: Any, pa: Any, path: Path) -> None:
    kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
    if not (pa.types.is_integer(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        raise DataError(
            f"{file_name(path)}: column {field.name!r} holds {kind}, expected text or whole numbers"
        )
