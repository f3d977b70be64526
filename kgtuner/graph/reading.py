"""Triples as strict tab-separated text, three names a line, turned into ids while it is read.

UTF-8 (a byte order mark is skipped), LF or CRLF line ends, plain or gzipped. Names are kept exactly
as written. Files are read in blocks, so memory follows the vocabulary and the ids, not the text.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from kgtuner.errors import DataError
from kgtuner.graph.text_blocks import blocks, decoded, file_name, shown
from kgtuner.types import Triples

SUFFIXES = (".txt", ".tsv", ".txt.gz", ".tsv.gz")

TAB, LF = b"\t"[0], b"\n"[0]


class Vocabulary(dict[str, int]):
    """Name -> id; a new name gets the next id when it is first asked for."""

    def __missing__(self, name: str) -> int:
        self[name] = new = len(self)
        return new


def read_file(path: Path, entities: Vocabulary, relations: Vocabulary) -> Triples:
    """(n, 3) int64 triples of one file; new names are added to the vocabularies in order of appearance.

    Raises:
        DataError: if the file is missing, empty, not UTF-8 or has a line without three names.
    """
    parts: list[Triples] = []
    line = 1  # number of the block's first line
    for block in blocks(path):
        names = _fields(block, path, line)
        triples = np.empty((len(names) // 3, 3), dtype=np.int64)
        triples[:, 1] = np.fromiter(map(relations.__getitem__, names[1::3]), np.int64, len(triples))
        del names[1::3]
        ends = np.fromiter(map(entities.__getitem__, names), np.int64, len(names))
        triples[:, 0], triples[:, 2] = ends[0::2], ends[1::2]
        parts.append(triples)
        line += len(triples)
    if not parts:
        raise DataError(
            f"{file_name(path)} is empty: expected one head<TAB>relation<TAB>tail a line in {path}"
        )
    return np.concatenate(parts)


def _fields(block: bytes, path: Path, first_line: int) -> list[str]:
    """The names of a block, three a line, after a check of all lines at once."""
    content = decoded(block, path, first_line)
    text = np.frombuffer(block, dtype=np.uint8)
    stops = np.flatnonzero((text == TAB) | (text == LF))
    if not _well_formed(text, stops):
        raise DataError(_complaint(block, path, first_line))
    names = content.replace("\n", "\t").split("\t")
    names.pop()  # what follows the last line end
    return names


def _well_formed(text: npt.NDArray[np.uint8], stops: npt.NDArray[np.int64]) -> bool:
    if len(stops) % 3:
        return False
    kinds = text[stops].reshape(-1, 3)
    lengths = np.diff(stops, prepend=-1) - 1
    return bool((kinds == (TAB, TAB, LF)).all() and (lengths > 0).all())


def _complaint(block: bytes, path: Path, first_line: int) -> str:
    for number, line in enumerate(block.split(b"\n"), first_line):
        fields = line.split(b"\t")
        if len(fields) == 3 and all(fields):
            continue
        got = "an empty one" if len(fields) == 3 else str(len(fields))
        return f"{file_name(path)} line {number}: expected 3 tab-separated fields, got {got}: {shown(line.decode())}"
    raise AssertionError("a block without a bad line has no complaint")
