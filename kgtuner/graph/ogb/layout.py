"""The files of an OGB knowledge graph and what is in them, without the package ogb.

Source: `LinkPropPredDataset` of ogb 1.3.6 (read_graph_raw.py and linkproppred/dataset.py).
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kgtuner.errors import DataError
from kgtuner.graph.ogb.tensor_files import read_tensor_file
from kgtuner.graph.text_blocks import blocks
from kgtuner.types import SPLITS, IntArray, Split

SPLIT_DICT = "split_dict.pt"
COLUMNS = ("head", "relation", "tail")


def is_ogb_folder(folder: Path) -> bool:
    """Whether there are splits as OGB keeps them, `split/<type>/train.pt` or `split_dict.pt`."""
    return _split_folder(folder) is not None


def files_of(folder: Path) -> list[Path]:
    """The files that decide what the graph is, in a fixed order."""
    splits = _require_split_folder(folder)
    one = splits / SPLIT_DICT
    parts = [one] if one.is_file() else [splits / f"{split}.pt" for split in SPLITS]
    others = [*sorted((folder / "mapping").glob("*.csv.gz")), *_size_files(folder)]
    return [*parts, *(path for path in others if path.is_file())]


def read_split(folder: Path, split: Split) -> dict[str, Any]:
    """What OGB says about one split: head, relation and tail (n,), and perhaps types and false answers.

    Raises:
        DataError: if it cannot be read, is damaged, or lacks one of these.
    """
    splits = _require_split_folder(folder)
    path = splits / SPLIT_DICT
    if path.is_file():  # wins over the three, as with OGB
        content = read_tensor_file(path)
        content = content.get(split) if isinstance(content, Mapping) else None
    else:
        path = splits / f"{split}.pt"
        content = read_tensor_file(path)
    if not isinstance(content, Mapping):
        raise DataError(f"{path} has no dict for {split}")
    n = None
    for name in COLUMNS:
        column = _whole(content.get(name), 1, f"{name} of {split} in {path}")
        n = len(column) if n is None else n
        if len(column) != n:
            raise DataError(f"{path}: {name} of {split} has {len(column)} entries, expected {n}")
    return dict(content)


def false_answers(content: Mapping[str, Any], side: str, n: int) -> npt.NDArray[Any] | None:
    """(n, k) false answers of a side, local to their type as everything in the file; None where none are given."""
    if f"{side}_neg" not in content:
        return None
    array = _whole(content[f"{side}_neg"], 2, f"{side}_neg")
    if len(array) != n:
        raise DataError(f"{side}_neg has {len(array)} rows, expected {n}")
    return array


def type_counts(folder: Path) -> dict[str, int]:
    """Entities of each type, in alphabetical order as OGB's offsets are; {} for an untyped graph.

    Raises:
        DataError: if nothing says so.
    """
    listed = folder / "raw" / "num-node-dict.csv.gz"
    if listed.is_file():
        table = _csv(listed, header=0, rows=2)
        counts = {str(name): _count(table[name].iloc[0], listed) for name in table.columns}
        return dict(sorted(counts.items()))
    known = _processed(folder).get("num_nodes_dict") if not _untyped(folder) else None
    if known is None:
        return {}
    return dict(sorted((str(name), _count(count, folder / "processed")) for name, count in known.items()))


def entity_count(folder: Path) -> int:
    """How many entities an untyped graph has."""
    listed = folder / "raw" / "num-node-list.csv.gz"
    if listed.is_file():
        return _count(_csv(listed, header=None, rows=2)[0].iloc[0], listed)
    if "num_nodes" not in (known := _processed(folder)):
        raise DataError(f"{folder} does not say how many entities there are: {listed} is missing")
    return _count(known["num_nodes"], folder / "processed")


def names_in(path: Path, count: int) -> list[str] | None:
    """The names behind the ids 0 to `count` - 1; None where there is no such file.

    A name that occurs more than once gets its id behind it.

    Raises:
        DataError: if the file is damaged or leaves an id without a name.
    """
    if not path.is_file():
        return None
    table = _csv(path, header=0, rows=count + 1)
    if table.shape[1] < 2 or len(table) != count:
        raise DataError(f"{path}: expected {count:,} rows of id and name, got {table.shape}")
    ids = _numbers(table.iloc[:, 0], path)
    if not np.array_equal(np.sort(ids), np.arange(count)):
        raise DataError(f"{path}: expected each of the ids 0 to {count - 1:,} once")
    names: list[str] = table.iloc[:, 1].to_numpy(dtype=object)[np.argsort(ids)].tolist()
    if len(set(names)) == count and "" not in names:
        return names
    seen: set[str] = set()
    twice = {name for name in names if name in seen or seen.add(name)} | {""}  # type: ignore[func-returns-value]
    return [f"{name}#{i}" if name in twice else name for i, name in enumerate(names)]


@dataclass(frozen=True)
class Ends:
    """Positions of the types of the heads and of the tails of n triples; None in an untyped graph."""

    head: IntArray
    tail: IntArray


def ends_of(content: Mapping[str, Any], types: tuple[str, ...], path: Path) -> Ends | None:
    """Which types a split's triples have at their ends."""
    if not types:
        return None
    place = {name: i for i, name in enumerate(types)}
    found = []
    for side in ("head", "tail"):
        given = content.get(f"{side}_type")
        if not isinstance(given, list | tuple) or len(given) != len(content["head"]):
            raise DataError(f"{path}: {side}_type must name the type of each {side}")
        try:
            found.append(np.fromiter(map(place.__getitem__, given), np.int64, len(given)))
        except (KeyError, TypeError) as error:
            raise DataError(
                f"{path}: {side}_type has the type {error}, expected {', '.join(types)}"
            ) from None
    return Ends(*found)


def _split_folder(folder: Path) -> Path | None:
    for place in sorted((folder / "split").glob("*")):
        if (place / SPLIT_DICT).is_file() or all((place / f"{split}.pt").is_file() for split in SPLITS):
            return place
    return None


def _require_split_folder(folder: Path) -> Path:
    found = _split_folder(folder)
    if found is None:
        raise DataError(f"{folder} is no graph of OGB: expected split/<type>/train.pt, valid.pt and test.pt")
    return found


def _size_files(folder: Path) -> list[Path]:
    raw = [folder / "raw" / name for name in ("num-node-dict.csv.gz", "num-node-list.csv.gz")]
    return raw if any(path.is_file() for path in raw) else [folder / "processed" / "data_processed"]


def _untyped(folder: Path) -> bool:
    return (folder / "raw" / "num-node-list.csv.gz").is_file()


def _processed(folder: Path) -> Mapping[str, Any]:
    """OGB's own cache, which it reads instead of `raw/` once it is there."""
    path = folder / "processed" / "data_processed"
    if not path.is_file():
        raise DataError(f"{folder} does not say how many entities there are: raw/ and {path} are missing")
    content = read_tensor_file(path)
    if not isinstance(content, Mapping):
        raise DataError(f"{path} is damaged: expected a dict")
    return content


def _csv(path: Path, *, header: int | None, rows: int) -> Any:
    import pandas as pd

    file = io.BufferedReader(_Unpacked(path))
    try:
        return pd.read_csv(
            file, header=header, nrows=rows, dtype=str, keep_default_na=False, encoding="utf-8"
        )
    except ValueError as error:
        raise DataError(f"cannot read {path}: {' '.join(str(error).split())}") from None


class _Unpacked(io.RawIOBase):
    """The bytes of a text file, unpacked within the limits of `text_blocks`."""

    def __init__(self, path: Path) -> None:
        self._blocks, self._rest = blocks(path, whole=True), b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._rest = self._rest or next(self._blocks, b"")
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size


def _numbers(column: Any, path: Path) -> IntArray:
    try:
        return np.asarray(column.to_numpy(dtype=np.int64))
    except (ValueError, OverflowError):
        raise DataError(f"{path}: expected ids, got other text") from None


def _count(value: Any, path: Path) -> int:
    try:
        count = int(value)
    except (TypeError, ValueError):
        raise DataError(f"{path}: expected a number of entities, got {value!r:.40}") from None
    if not 1 <= count < 2**31:
        raise DataError(f"{path}: expected 1 to {2**31 - 1} entities, got {count}")
    return count


def _whole(value: Any, dimensions: int, what: str) -> npt.NDArray[Any]:
    if not isinstance(value, np.ndarray) or value.ndim != dimensions or value.dtype.kind not in "iu":
        got = f"{value.dtype} {value.shape}" if isinstance(value, np.ndarray) else type(value).__name__
        raise DataError(f"{what} must be an array of whole numbers with {dimensions} dimensions, got {got}")
    return value
