"""Embeddings with their names as NumPy's npz, as Parquet, or as word2vec text."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from kgtuner.errors import ConfigError, DataError
from kgtuner.exchange.names import encoded
from kgtuner.exchange.tables import Table

NAME_BYTES = 1 << 30
"""Most memory for the names in an npz, where each takes as much as the longest."""


def write_npz(folder: Path, tables: list[Table]) -> None:
    """One embeddings.npz with `entities` and `entity_names` and so on; `np.load` needs no pickle.

    Raises:
        DataError: for names that NumPy's fixed-width text cannot hold.
    """
    arrays: dict[str, np.ndarray] = {}
    for table in tables:
        longest = max((len(name) for name in table.names), default=0)
        if longest * 4 * len(table.names) > NAME_BYTES:
            raise DataError(
                f"the names of the {table.kind} are too long for npz ({longest:,} characters); use parquet"
            )
        if any(name.endswith("\0") for name in table.names):
            raise DataError(f"a name of the {table.kind} ends with a NUL, which npz would drop; use parquet")
        arrays[table.kind] = table.rows
        arrays[{"entities": "entity_names"}.get(table.kind, "relation_names")] = np.array(list(table.names))
    with open(folder / "embeddings.npz", "wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]


def write_parquet(folder: Path, tables: list[Table]) -> None:
    """A file per table, with the columns `name` (text) and `embedding` (a list of float32 of one length).

    Raises:
        ConfigError: when pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise ConfigError(
            "writing Parquet needs pyarrow, which is not installed: pip install 'kgtuner[parquet]'"
        ) from None
    for table in tables:
        width = table.rows.shape[1]
        numbers = pa.FixedSizeListArray.from_arrays(pa.array(table.rows.ravel()), width)
        columns = {"name": pa.array(list(table.names), pa.string()), "embedding": numbers}
        pq.write_table(pa.table(columns), folder / f"{table.kind}.parquet")


def write_word2vec(folder: Path, tables: list[Table]) -> None:
    """A text file per table: a line with rows and numbers, then a name and its numbers on each line.

    Names are encoded as `kgtuner.exchange.names` says; numbers are the shortest that give the same float32.
    """
    for table in tables:
        with open(folder / f"{table.kind}.txt", "w", encoding="utf-8", newline="\n") as file:
            file.write(f"{len(table.rows)} {table.rows.shape[1]}\n")
            for name, row in zip(table.names, table.rows, strict=True):
                file.write(f"{encoded(name)} {' '.join(map(str, row))}\n")


WRITERS = {"npz": write_npz, "parquet": write_parquet, "word2vec": write_word2vec}
