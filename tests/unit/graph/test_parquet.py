from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kgtuner.errors import DataError
from kgtuner.graph import parquet
from kgtuner.graph.formats import read_path

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")


def written(folder: Path, columns: dict[str, Any], **options: Any) -> Path:
    pq.write_table(pa.table(columns), folder / "f.parquet", compression="zstd", **options)
    return folder / "f.parquet"


@pytest.mark.parametrize("as_dictionary", [True, False])
def test_a_name_is_made_once_for_the_rows_read_together(tmp_path: Path, as_dictionary: bool) -> None:
    names = ["a", "long " * 20, "c"]
    head = [names[i % 3] for i in range(300)]
    path = written(tmp_path, {"head": head, "n": list(range(300))}, use_dictionary=as_dictionary)
    ((found, numbers),) = parquet.name_batches(path, ["head", "n"], path)
    assert found == head
    assert len(set(map(id, found))) == 3
    assert numbers == list(map(str, range(300)))


@pytest.mark.parametrize("as_dictionary", [True, False])
def test_batches_have_only_the_names_of_their_rows_and_keep_the_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, as_dictionary: bool
) -> None:
    monkeypatch.setattr(parquet, "ROWS", 7)
    head = [f"e{i % 11}" for i in range(40)]
    head[5] = head[23] = None  # type: ignore[call-overload]
    path = written(tmp_path, {"head": head}, use_dictionary=as_dictionary, row_group_size=20)
    batches = [found for (found,) in parquet.name_batches(path, ["head"], path)]
    assert max(map(len, batches)) == 7
    assert [name for batch in batches for name in batch] == [name or "" for name in head]


@pytest.mark.parametrize("letter", ["x", "ü"])
def test_a_small_file_with_a_long_name_in_many_rows_is_refused(tmp_path: Path, letter: str) -> None:
    n = 300
    long = letter * (1_000_001 // len(letter.encode()) + 1)
    path = written(tmp_path, {"head": [long] * n, "relation": ["r"] * n, "tail": ["b"] * n})
    assert path.stat().st_size < 10_000
    with pytest.raises(
        DataError,
        match=r"/f.parquet rows 1 on: a name of 1,000,00\d bytes in column 'head', expected at most 1,000,000$",
    ):
        read_path(path)


def test_names_written_out_in_every_row_are_refused_before_they_are_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = {"head": ["x" * 1000] * 200, "relation": ["r"] * 200, "tail": ["b"] * 200}
    path = written(tmp_path, {**columns, "note": ["z" * 9000] * 200}, use_dictionary=False)
    monkeypatch.setattr(parquet, "largest_unpacked", lambda: 8 * 250_000)
    assert len(read_path(path)[2]["train"]) == 200  # 200 kB; a column that is not read does not count
    monkeypatch.setattr(parquet, "largest_unpacked", lambda: 8 * 150_000)
    with pytest.raises(DataError, match=r"/f.parquet has a row group that unpacks to 20\d,\d{3} bytes, more"):
        read_path(path)
