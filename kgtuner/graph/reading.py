"""Triples on disk: strict tab-separated text, three names a line, turned into ids while it is read.

UTF-8 (a byte order mark is skipped), LF or CRLF line ends, plain or gzipped. Names are kept exactly
as written. Files are read in blocks, so memory follows the vocabulary and the ids, not the text.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kgtuner.errors import DataError
from kgtuner.types import SPLITS, Split, Triples

BLOCK_BYTES = 8_000_000
SUFFIXES = (".txt", ".tsv", ".txt.gz", ".tsv.gz")
SHOWN_CHARACTERS = 80  # of a bad line, in a message

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
    for block in _blocks(path):
        names = _fields(block, path, line)
        triples = np.empty((len(names) // 3, 3), dtype=np.int64)
        triples[:, 1] = np.fromiter(map(relations.__getitem__, names[1::3]), np.int64, len(triples))
        del names[1::3]
        ends = np.fromiter(map(entities.__getitem__, names), np.int64, len(names))
        triples[:, 0], triples[:, 2] = ends[0::2], ends[1::2]
        parts.append(triples)
        line += len(triples)
    if not parts:
        raise DataError(f"{path.name} is empty: expected one head<TAB>relation<TAB>tail a line in {path}")
    return np.concatenate(parts)


def read_folder(folder: Path, entities: Vocabulary, relations: Vocabulary) -> dict[Split, Triples]:
    """The splits that are there: train always, valid and test where they have a file.

    Raises:
        DataError: if there is no train, if one split has two files, or if a file is bad.
    """
    files = {split: _split_file(folder, split) for split in SPLITS}
    if files["train"] is None:
        raise DataError(
            f"no train split in {folder}: expected train.txt or train.tsv (or .gz) there, "
            "with valid and test beside it, or give a single file to have it split"
        )
    found: dict[Split, Triples] = {}
    for split, path in files.items():
        if path is None:
            continue
        if split != "train" and _is_empty(path):
            raise DataError(
                f"the {split} split is empty: {path} has no triple; add some, or give all triples as "
                "a single file to have it split"
            )
        found[split] = read_file(path, entities, relations)
    return found


def without_suffix(file_name: str) -> str:
    """`facts.tsv.gz` -> `facts`; a name without a known suffix stays as it is."""
    for suffix in sorted(SUFFIXES, key=len, reverse=True):
        if file_name.endswith(suffix) and file_name != suffix:
            return file_name.removesuffix(suffix)
    return file_name


def _split_file(folder: Path, split: Split) -> Path | None:
    files = [folder / (split + suffix) for suffix in SUFFIXES if (folder / (split + suffix)).is_file()]
    if len(files) > 1:
        raise DataError(f"two files for the {split} split, {files[0].name} and {files[1].name}: keep one")
    return files[0] if files else None


def _is_empty(path: Path) -> bool:
    return next(_blocks(path), None) is None


def _blocks(path: Path) -> Iterator[bytes]:
    """The file in pieces of whole lines, each ending in LF, line ends made LF."""
    rest = b""
    first = True
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            while piece := file.read(BLOCK_BYTES):
                if first:
                    piece, first = piece.removeprefix(b"\xef\xbb\xbf"), False
                whole, newline, tail = piece.rpartition(b"\n")
                if newline:
                    yield (rest + whole + newline).replace(b"\r\n", b"\n")
                    rest = tail
                else:
                    rest += tail
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"cannot read {path}: {error}") from error
    if rest:
        yield rest.removesuffix(b"\r") + b"\n"


def _fields(block: bytes, path: Path, first_line: int) -> list[str]:
    """The names of a block, three a line, after a check of all lines at once."""
    try:
        decoded = block.decode()
    except UnicodeDecodeError as error:
        line = first_line + block.count(b"\n", 0, error.start)
        bad = block[error.start]
        raise DataError(
            f"{path.name} line {line}: expected UTF-8 text, got byte 0x{bad:02x}; convert {path} to UTF-8"
        ) from error
    text = np.frombuffer(block, dtype=np.uint8)
    stops = np.flatnonzero((text == TAB) | (text == LF))
    if not _well_formed(text, stops):
        raise DataError(_complaint(block, path, first_line))
    names = decoded.replace("\n", "\t").split("\t")
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
        shown = line.decode(errors="replace")
        if len(shown) > SHOWN_CHARACTERS:
            shown = shown[:SHOWN_CHARACTERS] + "…"
        got = "an empty one" if len(fields) == 3 else str(len(fields))
        return f"{path.name} line {number}: expected 3 tab-separated fields, got {got}: {shown!r}"
    raise AssertionError("a block without a bad line has no complaint")
