"""The binary form of a graph: plain arrays that are mapped into memory, and a small JSON header.

header.json                            format, version, name, fingerprint; names of types, digests of given negatives
train.npy valid.npy test.npy           (n, 3) int64
entities.text.npy relations.text.npy   all names as UTF-8 bytes, one after the other
entities.offsets.npy …                 (n + 1,) int64, where each name begins and ends
types.npy                              (n_entities,) int64, where entities have types
valid.heads.npy valid.tails.npy …      (n, k) int32, where false answers are given for a split
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np

from kgtuner.errors import DataError, RunError
from kgtuner.files import reason
from kgtuner.graph.entity_types import EntityTypes
from kgtuner.graph.given_negatives import GivenNegatives
from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.graph.names import PackedNames, pack
from kgtuner.types import SPLITS

FORMAT = "kgtuner graph"
VERSION = 1
HEADER = "header.json"


def save(graph: KnowledgeGraph, folder: Path) -> None:
    """Write all files beside `folder`, then put them in its place at once.

    Raises:
        RunError: if `folder` holds something else, or cannot be written.
    """
    if folder.exists() and not _replaceable(folder):
        raise RunError(f"{folder} exists and is not a saved graph: choose another folder")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as workplace:
            fresh = Path(workplace) / "new"
            fresh.mkdir()
            _write(graph, fresh)
            if folder.exists():
                os.rename(folder, Path(workplace) / "old")
            os.rename(fresh, folder)
    except OSError as error:
        raise RunError(f"cannot save {graph.name} to {folder}: {reason(error)}") from error


def load(folder: Path, *, verify: bool = True) -> KnowledgeGraph:
    """Map the arrays read-only; with `verify`, read them once and compare the fingerprint."""
    header = _read_header(folder)
    try:
        names = [
            PackedNames(_array(folder / f"{kind}.text.npy", 1), _array(folder / f"{kind}.offsets.npy", 1))
            for kind in ("entities", "relations")
        ]
        for packed in names:
            _check_offsets(packed)
        splits = [_array(folder / f"{split}.npy", 2) for split in SPLITS]
        types = header.get("types")
        types = None if types is None else EntityTypes(tuple(types), _array(folder / "types.npy", 1))
        given = {split: _given(folder, split, digest) for split, digest in header.get("given", {}).items()}
        graph = KnowledgeGraph(
            header["name"], names[0], names[1], splits[0], splits[1], splits[2], types, given
        )
    except (OSError, ValueError, EOFError, TypeError, AttributeError, DataError) as error:
        raise DataError(f"the saved graph in {folder} is damaged: {error}; delete the folder") from error
    if not verify:
        graph.__dict__["fingerprint"] = header["fingerprint"]  # believed, as the caller asked
    elif graph.fingerprint != header["fingerprint"]:
        raise DataError(f"the saved graph in {folder} is damaged: its content changed; delete the folder")
    return graph


def _write(graph: KnowledgeGraph, folder: Path) -> None:
    for kind, names in (("entities", pack(graph.entities)), ("relations", pack(graph.relations))):
        np.save(folder / f"{kind}.text.npy", names.text, allow_pickle=False)
        np.save(folder / f"{kind}.offsets.npy", names.offsets, allow_pickle=False)
    for split in SPLITS:
        np.save(folder / f"{split}.npy", np.ascontiguousarray(graph.split(split)), allow_pickle=False)
    header: dict[str, Any] = {"format": FORMAT, "version": VERSION, "name": graph.name}
    header["fingerprint"] = graph.fingerprint
    if graph.types is not None:
        np.save(folder / "types.npy", graph.types.of_entity, allow_pickle=False)
        header["types"] = list(graph.types.names)
    if graph.given:
        header["given"] = {split: negatives.digest for split, negatives in graph.given.items()}
        for split, negatives in graph.given.items():
            for i, path in enumerate(_given_files(folder, split)):
                array = negatives.heads if i == 0 else negatives.tails
                _link_or_write(array, path, None if negatives.files is None else negatives.files[i])
    (folder / HEADER).write_text(json.dumps(header, indent=2) + "\n", encoding="utf-8")


def _link_or_write(array: Any, path: Path, file: Path | None) -> None:
    """A file that holds the array already gets a second name: gigabytes are not written again for each run."""
    if file is not None:
        try:
            os.link(file, path)
            return
        except OSError:  # on another disk, or one without links
            pass
    np.save(path, array, allow_pickle=False)


def _given_files(folder: Path, split: str) -> tuple[Path, Path]:
    return folder / f"{split}.heads.npy", folder / f"{split}.tails.npy"


def _given(folder: Path, split: str, digest: str) -> GivenNegatives:
    if split not in SPLITS:
        raise ValueError(f"there is no split {split!r}")
    files = _given_files(folder, split)
    heads, tails = (_array(path, 2, np.int32) for path in files)
    return GivenNegatives(heads, tails, digest, files)


def _read_header(folder: Path) -> dict[str, Any]:
    try:
        header = json.loads((folder / HEADER).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(
            f"no saved graph in {folder}: expected a {HEADER} written by KnowledgeGraph.save"
        ) from error
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise DataError(f"{folder / HEADER} is not the header of a saved graph: expected format {FORMAT!r}")
    if header.get("version") != VERSION:
        raise DataError(
            f"the saved graph in {folder} has version {header.get('version')}, expected {VERSION}: "
            "delete the folder and read the graph from its source again"
        )
    if not all(isinstance(header.get(key), str) for key in ("name", "fingerprint")):
        raise DataError(f"{folder / HEADER} is damaged: name and fingerprint are missing; delete the folder")
    return header


def _array(path: Path, dimensions: int, expected: type[np.integer[Any]] = np.int64) -> Any:
    try:
        array = np.lib.format.open_memmap(path, mode="r")  # `np.load` would open a zip file too
    except (SyntaxError, TokenError, OverflowError, TypeError) as error:  # of NumPy, for a damaged header
        raise ValueError(f"{path.name} has no readable header ({error})") from None
    if path.name.endswith(".text.npy"):
        expected = np.uint8
    if array.dtype != expected or array.ndim != dimensions:
        raise ValueError(f"{path.name} holds {array.dtype} of shape {array.shape}")
    return array


def _check_offsets(names: PackedNames) -> None:
    offsets = names.offsets
    if not len(offsets) or offsets[0] != 0 or offsets[-1] != len(names.text) or (np.diff(offsets) < 0).any():
        raise ValueError("the offsets of the names do not fit their text")


def _replaceable(folder: Path) -> bool:
    if not folder.is_dir():
        return False
    if not any(folder.iterdir()):
        return True
    try:
        _read_header(folder)
    except DataError:
        return False
    return True
