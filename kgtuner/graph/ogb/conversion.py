"""An OGB folder as a `KnowledgeGraph`, by way of our binary form: read once, mapped into memory afterwards."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from kgtuner.errors import DataError, RunError
from kgtuner.files import is_no_space
from kgtuner.graph.entity_types import EntityTypes
from kgtuner.graph.given_negatives import GivenNegatives, IdArray, blocks, digest_of
from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.graph.ogb import layout
from kgtuner.types import SPLITS, IntArray, Split, Triples

FORM = 1
"""Raised when the same files give another graph."""


def load_ogb(folder: Path, name: str, cache: Path) -> KnowledgeGraph:
    """The graph in an OGB folder, from its binary copy below `cache`, which is made where it is not there yet.

    Entities of a typed graph are numbered type after type, types in alphabetical order, and called `type:name`.
    Nothing in `folder` is written or deleted, nothing is fetched, nothing is asked.

    Raises:
        DataError: if the folder is none of OGB's, is damaged, or there is no room for the copy.
    """
    binary = cache / f"{name}-{_fingerprint(folder)}"
    if binary.is_dir():
        with suppress(DataError):  # damaged, or of another version: made anew below
            return KnowledgeGraph.load(binary)
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache, prefix=".new-") as scratch:
            graph = convert(folder, name, Path(scratch))
            fresh = Path(scratch, "graph")
            graph.save(fresh)
            del graph
            if binary.is_dir():
                shutil.rmtree(binary)
            with suppress(FileExistsError):
                fresh.rename(binary)
    except OSError as error:
        room = "; free some space or set KGTUNER_CACHE to another disk" if is_no_space(error) else ""
        raise DataError(
            f"cannot write the binary copy of {name} to {cache}: {error.strerror}{room}"
        ) from None
    except RunError as error:
        raise DataError(f"cannot write the binary copy of {name}: {error}") from None
    return KnowledgeGraph.load(binary)


def convert(folder: Path, name: str, scratch: Path) -> KnowledgeGraph:
    """Read all splits; the given false answers go to files in `scratch` one after the other.

    Raises:
        DataError: as `load_ogb`.
    """
    counts = layout.type_counts(folder)
    types = EntityTypes.blocks(counts) if counts else None
    n_entities = sum(counts.values()) if counts else layout.entity_count(folder)
    splits: dict[Split, Triples] = {}
    given: dict[Split, GivenNegatives] = {}
    for split in SPLITS:
        content = layout.read_split(folder, split)
        ends = layout.ends_of(content, () if types is None else types.names, folder)
        triples = np.column_stack([content.pop(column) for column in layout.COLUMNS]).astype(np.int64)
        for column, side in ((0, "head"), (2, "tail")):
            if types is not None and ends is not None:
                triples[:, column] = types.to_global(getattr(ends, side), triples[:, column])
        triples.setflags(write=False)
        splits[split] = triples
        if f"{layout.COLUMNS[0]}_neg" in content:
            given[split] = _given(content, split, ends, counts, n_entities, scratch, len(triples))
        del content, ends
    relations = _relation_names(folder, splits)
    return KnowledgeGraph(
        name,
        _entity_names(folder, counts, n_entities),
        relations,
        splits["train"],
        splits["valid"],
        splits["test"],
        types,
        given,
    )


def _given(
    content: dict[str, Any],
    split: Split,
    ends: layout.Ends | None,
    counts: Mapping[str, int],
    n_entities: int,
    scratch: Path,
    n: int,
) -> GivenNegatives:
    """Both sides with global ids, in int32, in files. Takes them out of `content`, to give their memory back."""
    files, arrays = [], []
    sizes = np.array(list(counts.values()) or [n_entities], dtype=np.int64)
    offsets = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    for side in ("head", "tail"):
        local = layout.false_answers(content, side, n)
        if local is None:
            raise DataError(f"{split} has given answers for heads only, expected both sides")
        del content[f"{side}_neg"]
        kind = np.zeros(n, dtype=np.int64) if ends is None else getattr(ends, side)
        files.append(scratch / f"{split}.{side}s.npy")
        _write_ids(files[-1], local, offsets[kind], sizes[kind], f"{side}_neg of {split}")
        del local
        arrays.append(cast(IdArray, np.lib.format.open_memmap(files[-1], mode="r")))
    return GivenNegatives(arrays[0], arrays[1], digest_of(*arrays), (files[0], files[1]))


def _write_ids(path: Path, local: npt.NDArray[Any], offset: IntArray, size: IntArray, what: str) -> None:
    """(n, k) ids local to a type of so many entities, as global ones in a file, block by block."""
    with path.open("wb") as file:
        header = {"descr": "<i4", "fortran_order": False, "shape": local.shape}
        np.lib.format.write_array_header_1_0(file, header)
        for rows in blocks(local):
            block = local[rows]
            if block.size and (block.min() < 0 or (block.max(axis=1) >= size[rows]).any()):
                raise DataError(f"{what} has the id {block.max()} or {block.min()}, which no entity has")
            file.write(np.ascontiguousarray(block + offset[rows, None], dtype="<i4").data)


def _entity_names(folder: Path, counts: Mapping[str, int], n_entities: int) -> Sequence[str]:
    mapping = folder / "mapping"
    if not counts:
        names = layout.names_in(mapping / "nodeidx2entityid.csv.gz", n_entities)
        return tuple(names if names is not None else map(str, range(n_entities)))
    made: list[str] = []
    for kind, count in counts.items():
        own = layout.names_in(mapping / f"{kind}_entidx2name.csv.gz", count)
        made += [f"{kind}:{name}" for name in (own if own is not None else range(count))]
    return tuple(made)


def _relation_names(folder: Path, splits: Mapping[Split, Triples]) -> Sequence[str]:
    count = 1 + max(int(triples[:, 1].max(initial=0)) for triples in splits.values())
    for file in ("reltype2relid.csv.gz", "relidx2relname.csv.gz"):
        path = folder / "mapping" / file
        if path.is_file() and (names := layout.names_in(path, count)) is not None:
            return tuple(names)
    return tuple(map(str, range(count)))


def _fingerprint(folder: Path) -> str:
    """Changes when one of the files does: a hash of their places, sizes and times, not of gigabytes of content."""
    state = [(str(f.resolve()), f.stat().st_size, f.stat().st_mtime_ns) for f in layout.files_of(folder)]
    return hashlib.sha256(repr((FORM, state)).encode()).hexdigest()[:16]
