"""The table on disk: one Parquet file per graph and model, a row per training."""

from __future__ import annotations

import fcntl
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from kgtuner.files import replacing

DATA = Path(__file__).parent / "data"

Key = tuple[str, str, str, int, int]

COLUMNS = {
    "graph": pa.dictionary(pa.int32(), pa.string()),
    "model": pa.dictionary(pa.int32(), pa.string()),
    "fidelity": pa.dictionary(pa.int32(), pa.string()),
    "number": pa.int32(),
    "seed": pa.int32(),
    "cap": pa.float32(),
    "value": pa.float64(),
    "failure": pa.string(),
    "stopped_by": pa.dictionary(pa.int32(), pa.string()),
    "cpu_seconds": pa.float64(),
    "wall_seconds": pa.float64(),
    "steps": pa.int64(),
    "queries": pa.int64(),
    "hits_at_10": pa.float64(),
    "curve_step": pa.list_(pa.int32()),
    "curve_seconds": pa.list_(pa.float32()),
    "curve_value": pa.list_(pa.float32()),
    "entities": pa.int32(),
    "triples": pa.int32(),
    "source": pa.dictionary(pa.int32(), pa.string()),
    "machine": pa.dictionary(pa.int32(), pa.string()),
    "day": pa.dictionary(pa.int32(), pa.string()),
}
"""Besides these: one column per hyper-parameter under its dotted name, null where it does not apply."""


class Store:
    """Rows in memory and on disk; `add` keeps both alike. Several processes may add to the same files.

    Args:
        folder: where the Parquet files lie.
    """

    def __init__(self, folder: Path = DATA) -> None:
        self.folder = folder
        self.rows: dict[str, list[dict[str, Any]]] = {}
        for path in sorted(folder.glob("*.parquet")):
            self.rows[path.stem] = pq.read_table(path).to_pylist()

    def keys(self) -> set[Key]:
        """What has been trained."""
        return {key_of(row) for rows in self.rows.values() for row in rows}

    def add(self, row: Mapping[str, Any]) -> None:
        """Append a training to what is there by now; the file is written anew as a whole or not at all."""
        name = f"{row['graph']}-{row['model']}"
        path = self.folder / f"{name}.parquet"
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            there = {key_of(r): r for r in pq.read_table(path).to_pylist()} if path.exists() else {}
            ours = {key_of(r): r for r in [*self.rows.get(name, []), dict(row)]}
            self.rows[name] = list((there | ours).values())
            with replacing(path) as partial:
                pq.write_table(as_table(self.rows[name]), partial, compression="zstd")


def key_of(row: Mapping[str, Any]) -> Key:
    return row["graph"], row["model"], row["fidelity"], row["number"], row["seed"]


def as_table(rows: Iterable[Mapping[str, Any]]) -> pa.Table:
    """Rows as an Arrow table with the columns above and those of the hyper-parameters."""
    rows = list(rows)
    names = dict.fromkeys(name for row in rows for name in row if "." in name)
    columns = {name: pa.array([row.get(name) for row in rows], kind) for name, kind in COLUMNS.items()}
    columns |= {name: pa.array([row.get(name) for row in rows]) for name in sorted(names)}
    return pa.table(columns)
