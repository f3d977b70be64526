"""Tables of answers and verdicts in files, chunk by chunk: CSV, TSV or Parquet by the ending."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kgtuner.errors import ConfigError, DataError
from kgtuner.files import replacing
from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.prediction.cells import to_cell
from kgtuner.prediction.triple_files import ending, pyarrow_parquet

WRITABLE = (".csv", ".tsv", ".parquet")

Columns = dict[str, npt.NDArray[Any]]
"""Columns of equal length by name. Ids of `head`, `relation` and `tail` become names on the way to disk."""

Write = Callable[[Columns], None]


def check_apart(source: Path, target: Path) -> None:
    """Refuse to write over the file that is read, by whatever paths the two are given.

    Raises:
        ConfigError: if both are the same file.
    """
    same = os.path.realpath(source) == os.path.realpath(target)
    if same or (os.path.exists(source) and os.path.exists(target) and os.path.samefile(source, target)):
        raise ConfigError(f"{target} is the file that is read; give the output another name")


@contextmanager
def writing(path: Path, graph: KnowledgeGraph) -> Iterator[Write]:
    """A function that appends rows to a table; the file takes its place when all is written.

    Names in CSV and TSV are written by `cells.to_cell`, in Parquet as they are.

    Raises:
        ConfigError: for another ending, or for Parquet without pyarrow.
        DataError: if there is no such folder.
        RunError: when the file cannot be written, as on a full disk.
    """
    kind = ending(path, WRITABLE)
    if not path.parent.is_dir():
        raise DataError(f"there is no folder {path.parent} to write {path.name} to; make it first")
    if kind == ".parquet":
        pyarrow_parquet()
    names = {"head": graph.entities, "relation": graph.relations, "tail": graph.entities}
    with replacing(path) as partial:
        if kind == ".parquet":
            with _parquet(partial, names) as write:
                yield write
        else:
            with _text(partial, names, "," if kind == ".csv" else "\t") as write:
                yield write


@contextmanager
def _text(path: Path, names: dict[str, Sequence[str]], delimiter: str) -> Iterator[Write]:
    cells: dict[str, list[str]] = {}
    for column, texts in names.items():  # heads and tails are the same entities
        cells[column] = cells["head"] if column == "tail" else [to_cell(text) for text in texts]
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, delimiter=delimiter, lineterminator="\n")
        started = False

        def write(columns: Columns) -> None:
            nonlocal started
            if not started:
                table.writerow(columns)
                started = True
            table.writerows(
                zip(*(_cells(values, cells.get(name)) for name, values in columns.items()), strict=True)
            )

        yield write


def _cells(values: npt.NDArray[Any], names: list[str] | None) -> list[Any]:
    if names is not None:
        return [names[i] for i in values.tolist()]
    if values.dtype == np.bool_:
        return ["true" if value else "false" for value in values.tolist()]
    if values.dtype.kind == "f":
        return [f"{value:.7g}" for value in values.tolist()]
    texts: list[Any] = values.tolist()
    return texts


@contextmanager
def _parquet(path: Path, names: dict[str, Sequence[str]]) -> Iterator[Write]:
    import pyarrow as pa

    entities = pa.array(list(names["head"]), pa.string())
    dictionaries = {
        "head": entities,
        "relation": pa.array(list(names["relation"]), pa.string()),
        "tail": entities,
    }
    writer: Any = None

    def write(columns: Columns) -> None:
        nonlocal writer
        arrays = {
            name: dictionaries[name].take(pa.array(values)) if name in dictionaries else pa.array(values)
            for name, values in columns.items()
        }
        table = pa.table(arrays)
        if writer is None:
            writer = pyarrow_parquet().ParquetWriter(path, table.schema)
        writer.write_table(table)

    try:
        yield write
    finally:
        if writer is not None:
            writer.close()
