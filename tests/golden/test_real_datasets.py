"""The published data sets as they are on this machine: every card's counts and checksums hold."""

from __future__ import annotations

import gzip
import hashlib
import os
from pathlib import Path

import pytest

from kgtuner.graph.catalog import dataset_card, load_dataset
from kgtuner.types import SPLITS

pytestmark = pytest.mark.skipif(
    "KGTUNER_DATA" not in os.environ, reason="KGTUNER_DATA names no folder with data"
)


def _folder(name: str) -> Path:
    folder = Path(os.environ["KGTUNER_DATA"], name)
    if not folder.is_dir():
        pytest.skip(f"{name} is not in KGTUNER_DATA")
    return folder


@pytest.mark.parametrize("name", ["wn18rr", "fb15k-237", "umls", "kinships", "nations", "codex-s", "codex-m"])
def test_files_are_what_the_card_says(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, card = _folder(name), dataset_card(name)
    for split in SPLITS:
        if split in card.files:
            plain, packed = folder / f"{split}.txt", folder / f"{split}.txt.gz"
            content = plain.read_bytes() if plain.exists() else gzip.decompress(packed.read_bytes())
            assert card.files[split] == f"sha256:{hashlib.sha256(content).hexdigest()}"
    monkeypatch.setenv("KGTUNER_CACHE", str(tmp_path))
    first = load_dataset(name, download=False)  # checks the counts
    assert load_dataset(name, download=False).fingerprint == first.fingerprint


def test_published_checksum_of_the_crlf_files_fits_the_lf_files() -> None:
    """What a download of FB15k-237 is held to before its line ends change, from what it is after."""
    valid = (_folder("fb15k-237") / "valid.txt").read_bytes()
    published = hashlib.md5(valid.replace(b"\n", b"\r\n")).hexdigest()
    assert dataset_card("fb15k-237").sources[0].members["valid"] == f"md5:{published}"
