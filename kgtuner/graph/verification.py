"""Whether the files of a data set are the published ones, byte for byte."""

from __future__ import annotations

import hashlib
from pathlib import Path

from kgtuner.errors import DataError
from kgtuner.graph.catalog import DatasetCard
from kgtuner.graph.reading import SUFFIXES
from kgtuner.graph.text_blocks import pieces
from kgtuner.types import Split


def verify_files(card: DatasetCard, folder: Path) -> tuple[Split, ...]:
    """The splits whose checksum the card knows and which have it; line ends and gzip make no difference.

    Raises:
        DataError: if a file is another one than the card says, or cannot be read.
    """
    verified: list[Split] = []
    for split, checksum in card.files.items():
        path = next((p for suffix in SUFFIXES if (p := folder / (split + suffix)).is_file()), None)
        if path is None:
            continue
        algorithm, _, expected = checksum.partition(":")
        if _digest(path, algorithm) != expected:
            raise DataError(
                f"{path} is not the published {split} split of {card.name}: its {algorithm} is not {expected}; "
                "delete it and fetch again"
            )
        verified.append(split)
    return tuple(verified)


def _digest(path: Path, algorithm: str) -> str:
    digest = hashlib.new(algorithm)
    carry, last = b"", b"\n"
    for piece in pieces(path):
        piece = carry + piece
        carry = b"\r" if piece.endswith(b"\r") else b""  # its LF may open the next piece
        piece = piece[: len(piece) - len(carry)].replace(b"\r\n", b"\n")
        digest.update(piece)
        last = piece[-1:] or last
    digest.update(carry)
    if (carry or last) != b"\n":
        digest.update(b"\n")
    return digest.hexdigest()
