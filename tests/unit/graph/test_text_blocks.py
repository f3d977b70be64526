"""Files that are too large, damaged, or no text: one sentence each, in every format."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from kgtuner.errors import DataError
from kgtuner.graph import text_blocks
from kgtuner.graph.formats import read_path
from kgtuner.graph.text_blocks import lines

TEXTS = (".tsv", ".csv", ".nt", ".ttl")


def written(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("suffix", TEXTS)
def test_a_gzip_bomb_is_refused_before_it_fills_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    monkeypatch.setattr(text_blocks, "largest_unpacked", lambda: 1_000_000)
    monkeypatch.setattr(text_blocks, "BLOCK_BYTES", 100_000)
    line = {".tsv": b"a\tr\tb\n", ".csv": b"a,r,b\n"}.get(suffix, b"# a\n")
    bomb = written(tmp_path, f"bomb{suffix}.gz", gzip.compress(line * 10_000_000, compresslevel=1))
    assert bomb.stat().st_size < 1_000_000
    # Turtle is parsed as a whole, and has an eighth of the room of what is read line by line.
    room = "125,000 bytes, a sixteenth" if suffix == ".ttl" else "1,000,000 bytes, half"
    with pytest.raises(DataError, match=rf"/bomb.*\.gz unpacks to more than {room} of the memory"):
        read_path(bomb)


def test_a_packed_parquet_file_is_unpacked_as_a_whole_and_has_less_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_blocks, "largest_unpacked", lambda: 1_000_000)
    bomb = written(tmp_path, "bomb.parquet.gz", gzip.compress(bytes(125_001)))
    with pytest.raises(DataError, match=r"/bomb.parquet.gz unpacks to more than 125,000 bytes, a sixteenth"):
        read_path(bomb)


def test_the_limit_follows_the_free_memory() -> None:
    import psutil

    assert text_blocks.largest_unpacked() == pytest.approx(psutil.virtual_memory().available / 2, rel=0.2)


@pytest.mark.parametrize("suffix", TEXTS)
@pytest.mark.parametrize("ending", [b"", b"\n", b"\na\tr\tb\n"])
def test_a_line_of_ten_megabytes_is_named_and_refused(tmp_path: Path, suffix: str, ending: bytes) -> None:
    path = written(tmp_path, f"long{suffix}", b"# a comment\n" + b"x" * 10_000_000 + ending)
    with pytest.raises(DataError, match=rf"/long{suffix} line 2: more than 1,000,000 bytes in one line"):
        list(lines(path))
    with pytest.raises(DataError, match=rf"/long{suffix} line"):
        read_path(path)


def test_a_long_line_between_short_ones_is_found_in_its_block(tmp_path: Path) -> None:
    path = written(
        tmp_path, "a.tsv", b"a\tr\tb\n" * 5 + b"a\tr\t" + b"b" * 2_000_000 + b"\n" + b"a\tr\tb\n" * 5
    )
    with pytest.raises(DataError, match=r"/a.tsv line 6: more than 1,000,000 bytes"):
        read_path(path)


@pytest.mark.parametrize("suffix", TEXTS)
def test_a_nul_byte_is_named_with_its_line(tmp_path: Path, suffix: str) -> None:
    path = written(tmp_path, f"n{suffix}", b"<x:a>\t<x:r>\t<x:b>.\n<x:a>\t<x:r>\t<x:\0>.\n")
    if suffix == ".csv":
        path = written(tmp_path, "n.csv", b"head,relation,tail\na,r\0,b\n")
    with pytest.raises(DataError, match=rf"/n{suffix} line 2: expected UTF-8 text, got a NUL byte"):
        read_path(path)


@pytest.mark.parametrize("suffix", TEXTS)
@pytest.mark.parametrize(("encoding", "byte"), [("latin-1", "0xfc"), ("utf-16", "0xff"), ("cp1252", "0xfc")])
def test_another_encoding_is_refused_with_line_and_byte(
    tmp_path: Path, suffix: str, encoding: str, byte: str
) -> None:
    path = written(tmp_path, f"e{suffix}", "Zürich\tr\tb\n".encode(encoding))
    with pytest.raises(DataError, match=rf"/e{suffix} line 1: expected UTF-8 text, got byte {byte}"):
        read_path(path)


def test_utf16_without_a_mark_is_told_by_its_nul_bytes(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="line 1: .* NUL byte, as binary files and UTF-16 have them"):
        read_path(written(tmp_path, "a.tsv", "a\tr\tb\n".encode("utf-16-le")))


@pytest.mark.parametrize("suffix", TEXTS)
def test_a_damaged_gzip_file_is_one_sentence(tmp_path: Path, suffix: str) -> None:
    content = bytearray(gzip.compress(b"a\tr\tb\n" * 1000))
    content[20] ^= 255
    with pytest.raises(DataError, match=r"^cannot read .*g\."):
        read_path(written(tmp_path, f"g{suffix}.gz", bytes(content)))


def test_a_file_that_may_not_be_read_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "train.tsv.gz").mkdir()
    with pytest.raises(DataError, match="cannot read"):
        list(lines(tmp_path / "train.tsv.gz"))
