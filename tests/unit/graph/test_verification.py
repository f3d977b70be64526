from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from kgtuner.errors import DataError
from kgtuner.graph import text_blocks
from kgtuner.graph.catalog import cards_folder, dataset_card
from kgtuner.graph.verification import verify_files


def test_the_embedded_data_is_the_published_one() -> None:
    assert set(verify_files(dataset_card("world"), cards_folder() / "world")) == {"train", "valid", "test"}


@pytest.mark.parametrize("block", [1 << 20, 7])
def test_line_ends_gzip_and_the_last_line_end_make_no_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(text_blocks, "BLOCK_BYTES", block)
    card, source = dataset_card("world"), cards_folder() / "world"
    valid = (source / "valid.txt").read_bytes()
    (tmp_path / "valid.txt").write_bytes(valid.replace(b"\n", b"\r\n"))
    (tmp_path / "test.txt.gz").write_bytes(gzip.compress((source / "test.txt").read_bytes().rstrip(b"\n")))
    assert set(verify_files(card, tmp_path)) == {"valid", "test"}


def test_another_file_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "valid.txt").write_text("a\tr\tb\n")
    with pytest.raises(DataError, match=r"valid.txt is not the published valid split of world: its sha256"):
        verify_files(dataset_card("world"), tmp_path)
