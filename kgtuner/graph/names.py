"""Names in id order, kept as one block of UTF-8 bytes: no Python object for each of millions of entities."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from kgtuner.errors import DataError
from kgtuner.types import IntArray, Triples


@dataclass(frozen=True, eq=False)
class PackedNames(Sequence[str]):
    """A read-only sequence of strings over two arrays, which may be memory-mapped."""

    text: npt.NDArray[np.uint8]  # all names, one after the other
    offsets: IntArray  # (n + 1,), name i is text[offsets[i]:offsets[i + 1]]

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[str, ...]: ...
    def __getitem__(self, index: int | slice) -> str | tuple[str, ...]:
        if isinstance(index, slice):
            return tuple(self[i] for i in range(*index.indices(len(self))))
        position = range(len(self))[index]  # negative indices, and IndexError where it belongs
        return self.text[self.offsets[position] : self.offsets[position + 1]].tobytes().decode()

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __iter__(self) -> Iterator[str]:
        block = 100_000
        for start in range(0, len(self), block):
            ends = self.offsets[start : start + block + 1]
            text = self.text[ends[0] : ends[-1]].tobytes()
            bounds = (ends - ends[0]).tolist()
            for i in range(len(bounds) - 1):
                yield text[bounds[i] : bounds[i + 1]].decode()

    def __reduce__(self) -> tuple[object, ...]:
        return PackedNames, (np.array(self.text), np.array(self.offsets))


def pack(names: Sequence[str]) -> PackedNames:
    """The same names as two arrays.

    Raises:
        DataError: if a name cannot be written as UTF-8 (a lone surrogate).
    """
    if isinstance(names, PackedNames):
        return names
    try:
        encoded = [name.encode() for name in names]
    except UnicodeEncodeError as error:
        raise DataError(f"a name must be valid Unicode text, got {error.object!r}") from error
    offsets = np.zeros(len(encoded) + 1, dtype=np.int64)
    np.cumsum(np.fromiter(map(len, encoded), np.int64, len(encoded)), out=offsets[1:])
    return PackedNames(np.frombuffer(b"".join(encoded), dtype=np.uint8), offsets)


def fingerprint_of(
    entities: Sequence[str], relations: Sequence[str], splits: Sequence[Triples], extra: Sequence[bytes] = ()
) -> str:
    """SHA-256, as 64 hexadecimal digits, over sizes, names and triples in their order, and what else there is."""
    digest = hashlib.sha256()
    for names in (pack(entities), pack(relations)):
        digest.update(len(names).to_bytes(8, "little"))
        _update(digest, names.offsets, "<i8")
        _update(digest, names.text, "u1")
    for triples in splits:
        digest.update(len(triples).to_bytes(8, "little"))
        _update(digest, triples, "<i8")
    for part in extra:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()


def _update(digest: hashlib._Hash, array: npt.NDArray[Any], dtype: str) -> None:
    block = 1_000_000  # rows at a time, so that a memory-mapped array is never copied as a whole
    for start in range(0, len(array), block):
        digest.update(np.ascontiguousarray(array[start : start + block], dtype=dtype).data)
