"""Text files in pieces of whole lines: unpacked within limits, UTF-8 only, every complaint with its line."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

import numpy as np

from kgtuner.errors import DataError

BLOCK_BYTES = 8_000_000
LONGEST_LINE = 1_000_000  # bytes; three names of a knowledge graph have dozens
MEMORY_SHARE = 0.5
"""A packed file may unpack to this share of the memory that is free, so that a gzip bomb ends in a sentence."""
WHOLE = 8
"""What is taken as a whole may unpack to this fraction of that: Turtle in memory is several times its text."""

SHOWN_CHARACTERS = 80  # of a bad line, in a message


def file_name(path: Path) -> str:
    """A file as messages call it: with its folder, for `train.txt` alone could be anybody's."""
    folder = path.absolute().parent.name
    return f"{folder}/{path.name}" if folder else path.name


def largest_unpacked() -> int:
    """Bytes that a packed file may have when it is unpacked."""
    import psutil

    return int(psutil.virtual_memory().available * MEMORY_SHARE)


def pieces(path: Path, *, whole: bool = False) -> Iterator[bytes]:
    """The bytes of a file in blocks, unpacked where its name ends in .gz.

    Args:
        path: the file.
        whole: whether the caller keeps all of it, and so may have only an eighth (`WHOLE`) of what one that
            lets go of each block may.

    Raises:
        DataError: if it cannot be read, is damaged, or unpacks to more than `largest_unpacked`, of which a caller
            that takes it as a whole has an eighth.
    """
    packed = path.suffix.lower() == ".gz"
    limit, size = largest_unpacked() // (WHOLE if whole else 1) if packed else 0, 0
    share = "a sixteenth" if whole else "half"
    try:
        with cast(IO[bytes], gzip.open(path, "rb")) if packed else path.open("rb") as file:
            while piece := file.read(BLOCK_BYTES):
                size += len(piece)
                if packed and size > limit:
                    raise DataError(
                        f"{file_name(path)} unpacks to more than {limit:,} bytes, {share} of the memory that is free: "
                        "unpack it where there is room, or make it smaller"
                    )
                yield piece
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"cannot read {path}: {error}") from error


def blocks(path: Path, *, whole: bool = False) -> Iterator[bytes]:
    """The file in pieces of whole lines, each ending in LF, line ends made LF, without a byte order mark.

    Args:
        path: the file.
        whole: as for `pieces`.

    Raises:
        DataError: as `pieces`, and for a line of more than `LONGEST_LINE` bytes.
    """
    rest = b""
    first, line = True, 1
    for piece in pieces(path, whole=whole):
        if first:
            piece, first = piece.removeprefix(b"\xef\xbb\xbf"), False
        complete, newline, tail = piece.rpartition(b"\n")
        if newline:
            block = (rest + complete + newline).replace(b"\r\n", b"\n")
            _check_lengths(block, path, line)
            yield block
            line += block.count(b"\n")
            rest = tail
        else:
            rest += tail
        if len(rest) > LONGEST_LINE:
            raise _too_long(path, line)
    if rest:
        yield rest.removesuffix(b"\r") + b"\n"


def decoded(block: bytes, path: Path, first_line: int) -> str:
    """The text of a block.

    Raises:
        DataError: with the line of what is not UTF-8, or of a NUL byte.
    """
    try:
        text = block.decode()
    except UnicodeDecodeError as error:
        line = first_line + block.count(b"\n", 0, error.start)
        bad = block[error.start]
        raise DataError(
            f"{file_name(path)} line {line}: expected UTF-8 text, got byte 0x{bad:02x}; convert {path} to UTF-8"
        ) from error
    if "\0" in text:
        line = first_line + block.count(b"\n", 0, block.index(b"\0"))
        raise DataError(
            f"{file_name(path)} line {line}: expected UTF-8 text, got a NUL byte, as binary files and UTF-16 have "
            f"them; convert {path} to UTF-8"
        )
    return text


def lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """(number of the first line, lines without their ends) of each block."""
    number = 1
    for block in blocks(path):
        found = decoded(block, path, number).split("\n")
        found.pop()  # what follows the last line end
        yield number, found
        number += len(found)


def shown(line: str) -> str:
    """A line as part of a message: its beginning, with control characters visible."""
    return repr(line if len(line) <= SHOWN_CHARACTERS else line[:SHOWN_CHARACTERS] + "…")


def _check_lengths(block: bytes, path: Path, first_line: int) -> None:
    if len(block) <= LONGEST_LINE:
        return
    ends = np.flatnonzero(np.frombuffer(block, dtype=np.uint8) == ord("\n"))
    long = np.flatnonzero(np.diff(ends, prepend=-1) - 1 > LONGEST_LINE)
    if len(long):
        raise _too_long(path, first_line + int(long[0]))


def _too_long(path: Path, line: int) -> DataError:
    return DataError(
        f"{file_name(path)} line {line}: more than {LONGEST_LINE:,} bytes in one line; expected one triple a line "
        f"in {path}"
    )
