from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from kgtuner.errors import DataError
from kgtuner.graph import text_blocks
from kgtuner.graph.formats import read_folder
from kgtuner.graph.reading import Vocabulary, read_file


def read(path: Path) -> tuple[list[list[int]], list[str], list[str]]:
    entities, relations = Vocabulary(), Vocabulary()
    triples = read_file(path, entities, relations)
    return triples.tolist(), list(entities), list(relations)


def written(folder: Path, content: bytes, name: str = "train.txt") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def test_names_get_ids_in_order_of_appearance(tmp_path: Path) -> None:
    path = written(tmp_path, b"b\tlikes\ta\na\tknows\tc\nb\tlikes\tb\n")
    assert read(path) == ([[0, 0, 1], [1, 1, 2], [0, 0, 0]], ["b", "a", "c"], ["likes", "knows"])


@pytest.mark.parametrize(
    "content",
    [
        b"a\tr\tb\r\nc\tr\ta\r\n",
        b"a\tr\tb\nc\tr\ta",
        b"a\tr\tb\r\nc\tr\ta\r",
        b"\xef\xbb\xbfa\tr\tb\nc\tr\ta\n",
    ],
    ids=["crlf", "no last line end", "cut off within crlf", "byte order mark"],
)
def test_line_ends_and_a_byte_order_mark_are_no_part_of_a_name(tmp_path: Path, content: bytes) -> None:
    assert read(written(tmp_path, content)) == ([[0, 0, 1], [2, 0, 0]], ["a", "b", "c"], ["r"])


def test_names_keep_their_exact_strings(tmp_path: Path) -> None:
    path = written(tmp_path, ' Zürich\t/a b\t"x" \u2028y\n'.encode())
    assert read(path)[1:] == ([" Zürich", '"x" \u2028y'], ["/a b"])


def test_a_gzipped_file_reads_like_a_plain_one(tmp_path: Path) -> None:
    content = b"a\tr\tb\nc\tr\ta\n"
    packed = written(tmp_path, gzip.compress(content), "facts.tsv.gz")
    assert read(packed) == read(written(tmp_path, content))


@pytest.mark.parametrize("size", range(1, 16))
def test_where_a_block_of_bytes_ends_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    path = written(tmp_path, "ä\tr\tb\r\nc\tr\tä\r\nb\ts\tc".encode())
    expected = read(path)
    monkeypatch.setattr(text_blocks, "BLOCK_BYTES", size)
    assert read(path) == expected == ([[0, 0, 1], [2, 0, 0], [1, 1, 2]], ["ä", "b", "c"], ["r", "s"])


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"06845599\t_has_part", r"line 3: expected 3 tab-separated fields, got 2: '06845599\\t_has_part'$"),
        (b"a\tr\tb\tc", r"line 3: expected 3 tab-separated fields, got 4: 'a\\tr\\tb\\tc'$"),
        (b"a\t\tb", r"line 3: expected 3 tab-separated fields, got an empty one: 'a\\t\\tb'$"),
        (b"a\tr\t", "line 3: .* got an empty one"),
        (b"", "line 3: expected 3 tab-separated fields, got 1: ''$"),
        (b"a r b", "line 3: .* got 1: 'a r b'$"),
        (b"x" * 5000, "line 3: .* got 1: 'x{80}…'$"),
    ],
)
def test_a_bad_line_is_named_with_its_file_and_number(tmp_path: Path, line: bytes, said: str) -> None:
    path = written(tmp_path, b"a\tr\tb\na\tr\tc\n" + line + b"\na\tr\td\n")
    with pytest.raises(DataError, match=f"^{tmp_path.name}/train.txt {said}"):
        read(path)


def test_two_wrong_lines_that_make_up_for_each_other_are_still_found(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"line 1: .* got 2"):
        read(written(tmp_path, b"a\tr\nb\tr\tb\tc\n"))


def test_the_line_number_counts_over_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_blocks, "BLOCK_BYTES", 64)
    with pytest.raises(DataError, match=r"train.txt line 101: expected 3 .* got 1: 'oops'"):
        read(written(tmp_path, b"a\tr\tb\n" * 100 + b"oops\n" + b"a\tr\tb\n" * 100))


def test_text_that_is_not_utf8_is_refused_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"train.txt line 2: expected UTF-8 text, got byte 0xfc"):
        read(written(tmp_path, "a\tr\tb\nZürich\tr\ta\n".encode("latin-1")))


def test_utf16_is_refused_as_an_encoding_and_not_as_a_bad_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected UTF-8 text, got byte 0xff"):
        read(written(tmp_path, "a\tr\tb\n".encode("utf-16")))


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf"])
def test_an_empty_file_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(DataError, match=r"train.txt is empty"):
        read(written(tmp_path, content))


def test_a_file_that_is_only_named_gz_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot read .*train.txt.gz"):
        read(written(tmp_path, b"a\tr\tb\n", "train.txt.gz"))


def test_a_gzipped_file_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    content = gzip.compress(b"".join(b"%d\tr\t%d\n" % (i, i * 7919) for i in range(2000)))
    with pytest.raises(DataError, match="cannot read"):
        read(written(tmp_path, content[: len(content) // 2], "train.txt.gz"))


def test_a_folder_without_train_is_refused(tmp_path: Path) -> None:
    written(tmp_path, b"a\tr\tb\n", "valid.txt")
    with pytest.raises(DataError, match=r"no train split .* single file to have it split"):
        read_folder(tmp_path, Vocabulary(), Vocabulary())


def test_an_empty_valid_split_is_refused_with_what_to_do(tmp_path: Path) -> None:
    written(tmp_path, b"a\tr\tb\n")
    written(tmp_path, b"", "valid.txt")
    with pytest.raises(DataError, match=r"the valid split is empty.*single file to have it split"):
        read_folder(tmp_path, Vocabulary(), Vocabulary())


def test_two_files_for_one_split_are_refused(tmp_path: Path) -> None:
    written(tmp_path, b"a\tr\tb\n")
    written(tmp_path, b"a\tr\tb\n", "train.tsv")
    with pytest.raises(DataError, match=r"two files for the train split, train.txt and train.tsv"):
        read_folder(tmp_path, Vocabulary(), Vocabulary())


def test_the_splits_share_one_vocabulary(tmp_path: Path) -> None:
    written(tmp_path, b"a\tr\tb\n")
    written(tmp_path, b"b\tr\tc\n", "valid.tsv")
    written(tmp_path, gzip.compress(b"c\tr\ta\n"), "test.txt.gz")
    entities, relations = Vocabulary(), Vocabulary()
    splits = read_folder(tmp_path, entities, relations)
    assert {name: triples.tolist() for name, triples in splits.items()} == {
        "train": [[0, 0, 1]],
        "valid": [[1, 0, 2]],
        "test": [[2, 0, 0]],
    }
    assert list(entities) == ["a", "b", "c"]
