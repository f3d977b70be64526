"""Where a pickle ends, found without running it, and that it cannot make the unpickler take memory out of proportion.

The unpickler keeps what a pickle puts aside in a list as long as the largest number that it is put aside under: ten
bytes that say number 4,000,000,000 take 64 GB. A pickler counts from 0, so no honest number is above the bytes before.
"""

from __future__ import annotations

import pickletools
from mmap import mmap

from kgtuner.errors import DataError

PUT, LONG_BINPUT, STOP = b"pr."
TWO_LINES = frozenset(b"ci")  # the opcodes of a name: its module on one line, itself on the next

LENGTHS = {
    pickletools.TAKEN_FROM_ARGUMENT1: 1,
    pickletools.TAKEN_FROM_ARGUMENT4: 4,
    pickletools.TAKEN_FROM_ARGUMENT4U: 4,
    pickletools.TAKEN_FROM_ARGUMENT8U: 8,
}
"""Bytes that say how long an argument is."""

SIZES = {ord(code.code): 0 if code.arg is None else code.arg.n for code in pickletools.opcodes}
"""Bytes that follow each opcode; negative where that depends on what follows."""


def end_of_pickle(content: bytes | mmap, start: int = 0) -> int:
    """The place after the pickle that begins at `start`.

    Raises:
        DataError: when there is none, or it puts something aside under a number that no pickler would give.
    """
    at = start
    try:
        while True:
            code = content[at]
            size = SIZES[code]
            if size >= 0:
                after = at + 1 + size
            elif size == pickletools.UP_TO_NEWLINE:
                after = _after_line(content, at + 1)
                if code in TWO_LINES:
                    after = _after_line(content, after)
            else:
                told = at + 1 + LENGTHS[size]
                after = told + int.from_bytes(content[at + 1 : told], "little")
            if code == STOP:
                return after
            if code == LONG_BINPUT:
                _require_counted(int.from_bytes(content[at + 1 : after], "little"), at - start)
            elif code == PUT:
                _require_counted(int(content[at + 1 : after]), at - start)
            at = after
    except (IndexError, KeyError, ValueError):
        raise DataError("it does not hold a whole pickle") from None


def _after_line(content: bytes | mmap, at: int) -> int:
    end = content.find(b"\n", at)
    if end < 0:
        raise IndexError
    return end + 1


def _require_counted(number: int, before: int) -> None:
    if number > before:
        raise DataError(f"it puts something aside as number {number:,} after {before:,} bytes")
