"""False answers that come with a data set: each held-out triple is ranked among them and not among all entities."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kgtuner.errors import DataError
from kgtuner.types import IntArray

IdArray = npt.NDArray[np.int32]
BLOCK_NUMBERS = 1 << 24


@dataclass(frozen=True, eq=False)
class GivenNegatives:
    """What stands in for the head and for the tail of each of n triples of a split.

    Attributes:
        heads, tails: (n, k) int32 entity ids, perhaps memory-mapped: gigabytes in a large data set.
        digest: SHA-256 of both. Loading believes it, because to read gigabytes takes too long.
        files: where the two arrays lie as .npy, None when they are in memory only.
    """

    heads: IdArray
    tails: IdArray
    digest: str
    files: tuple[Path, Path] | None = None

    def __post_init__(self) -> None:
        for array in (self.heads, self.tails):
            if array.dtype != np.int32 or array.ndim != 2 or array.shape != self.heads.shape:
                raise DataError(
                    f"given negatives must be two (n, k) int32 arrays, got {array.dtype} {array.shape}"
                )

    @classmethod
    def of(cls, heads: npt.ArrayLike, tails: npt.ArrayLike) -> GivenNegatives:
        """From (n, k) whole numbers."""
        own = [np.ascontiguousarray(ids, dtype=np.int32) for ids in (heads, tails)]
        for array in own:
            array.setflags(write=False)
        return cls(own[0], own[1], digest_of(*own))

    def __len__(self) -> int:
        return len(self.heads)

    @property
    def count(self) -> int:
        """How many there are a side."""
        return int(self.heads.shape[1])

    def side(self, name: str, rows: IntArray | slice) -> IdArray:
        """(m, k) ids in memory that stand in for the "head" or the "tail" of some triples."""
        return np.array((self.heads if name == "head" else self.tails)[rows])


def digest_of(*arrays: npt.NDArray[Any]) -> str:
    """SHA-256, as 64 hexadecimal digits, over the shapes and numbers of int32 arrays."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(repr(array.shape).encode())
        for rows in blocks(array):
            digest.update(np.ascontiguousarray(array[rows], dtype="<i4").data)
    return digest.hexdigest()


def blocks(array: npt.NDArray[Any]) -> list[slice]:
    """Row by row, so many at once that a block stays below 64 MB in int32."""
    rows = max(1, BLOCK_NUMBERS // max(1, array[:1].size))
    return [slice(start, start + rows) for start in range(0, len(array), rows)]
