from __future__ import annotations

import gzip
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from kgtuner.errors import DataError
from kgtuner.graph import tabular
from kgtuner.graph.columns import parse_columns
from kgtuner.graph.formats import Reading, read_path

Named = list[tuple[str, str, str]]


def named(path: Path, columns: Any = None) -> Named:
    entities, relations, splits = read_path(path, Reading(columns))
    return [(entities[h], relations[r], entities[t]) for h, r, t in splits["train"].tolist()]


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    "header",
    [
        "head,relation,tail",
        "Subject,Predicate,Object",
        "source,relation,target",
        '" h ",r,t',
    ],
)
def test_the_fields_own_column_names_are_recognised(tmp_path: Path, header: str) -> None:
    assert named(written(tmp_path, "f.csv", f"{header}\na,likes,b\n")) == [("a", "likes", "b")]


def test_columns_may_stand_in_any_order_beside_others(tmp_path: Path) -> None:
    path = written(tmp_path, "f.csv", "weight,object,subject,predicate\n.5,b,a,likes\n.7,c,b,likes\n")
    assert named(path) == [("a", "likes", "b"), ("b", "likes", "c")]


def test_columns_of_any_name_are_chosen_by_name(tmp_path: Path) -> None:
    path = written(tmp_path, "f.csv", "who,does,whom\na,likes,b\n")
    expected = [("a", "likes", "b")]
    assert named(path, ("who", "does", "whom")) == expected
    assert named(path, {"tail": "whom", "head": "WHO", "relation": "does"}) == expected
    assert named(path, parse_columns("relation=does, head=who,tail=whom")) == expected


def test_columns_are_chosen_by_position_where_there_is_no_header(tmp_path: Path) -> None:
    path = written(tmp_path, "f.csv", "7,b,likes,a\n8,c,likes,b\n")
    assert named(path, (4, 3, 2)) == [("a", "likes", "b"), ("b", "likes", "c")]
    assert named(path, ("4", "3", "2")) == named(path, (4, 3, 2))


def test_a_csv_file_of_three_columns_needs_no_header(tmp_path: Path) -> None:
    assert named(written(tmp_path, "f.csv", "a,likes,b\nb,likes,c\n"))[0] == ("a", "likes", "b")


def test_a_first_line_that_looks_like_an_unknown_header_is_not_taken_for_a_triple(tmp_path: Path) -> None:
    path = written(tmp_path, "f.csv", "who,does,whom\na,likes,b\nb,likes,a\n")
    with pytest.raises(DataError, match=r"f.csv line 1: cannot tell which of the columns 'who, does, whom'"):
        named(path)
    assert named(path, (1, 2, 3))[0] == ("who", "does", "whom")


def test_quotes_are_those_of_rfc_4180(tmp_path: Path) -> None:
    content = 'head,relation,tail\r\n"Bern, Stadt",is,"a ""city"""\r\n"two\nlines",is," spaced "\r\n'
    assert named(written(tmp_path, "f.csv", content)) == [
        ("Bern, Stadt", "is", 'a "city"'),
        ("two\nlines", "is", " spaced "),
    ]


def test_tab_separated_text_has_no_quotes(tmp_path: Path) -> None:
    path = written(tmp_path, "f.tsv", 'head\trelation\ttail\n"a\tis\t"b"\n')
    assert named(path) == [('"a', "is", '"b"')]


def test_tab_separated_text_may_have_a_header_and_more_columns(tmp_path: Path) -> None:
    path = written(tmp_path, "f.tsv", "subject\tpredicate\tobject\tsince\na\tlikes\tb\t1999\n")
    assert named(path) == [("a", "likes", "b")]
    assert named(path, ("object", "predicate", "subject")) == [("b", "likes", "a")]


def test_tab_separated_text_without_a_header_is_all_triples(tmp_path: Path) -> None:
    assert named(written(tmp_path, "f.tsv", "a\tlikes\tb\n")) == [("a", "likes", "b")]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            "head,relation,tail\na,likes\n",
            r"f.csv line 2: 2 fields, expected 3 as in the first line: 'a, likes'",
        ),
        ("head,relation,tail\n\na,likes,b\n\na,b,c,d\n", "f.csv line 5: 4 fields, expected 3"),
        ('head,relation,tail\n"a\nb\nc",likes,d\na,,b\n', "f.csv line 5: the relation is empty"),
        ("head,relation,tail\n,likes,b\n", "f.csv line 2: the head is empty"),
        ('head,relation,tail\na,likes,b\n"a,likes,b\n', "f.csv line 3: unexpected end of data; expected CSV"),
        ('head,relation,tail\n"a"b,likes,b\n', "f.csv line 2: ',' expected after '\"'; expected CSV"),
        ("head,relation,tail\n", "f.csv has a header but no triple"),
        ("", "f.csv is empty"),
        ("a,b,c,d\n", "f.csv line 1: cannot tell which of the columns 'a, b, c, d'"),
        ("head,relation,tail,head\na,b,c,d\n", "f.csv line 1: two columns have the name 'head'"),
        (
            "head,relation,tail\na,likes," + "b" * 200_000 + "\n",
            r"f.csv line 2: field larger than field limit",
        ),
    ],
)
def test_a_bad_table_is_one_sentence_with_its_line(tmp_path: Path, content: str, said: str) -> None:
    with pytest.raises(DataError, match=f"/{said}"):
        named(written(tmp_path, "f.csv", content))


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (("who", "dose", "whom"), "unknown column 'dose'. Did you mean 'does'"),
        ((1, 2, 9), "f.csv has 3 columns, numbered from 1, got 1, 2, 9"),
        (("who", "does", "who"), "three different columns, got who, does, who"),
        (("who", "does"), "must name head, relation and tail"),
        ({"head": "who", "tail": "whom"}, "must name head, relation and tail"),
    ],
)
def test_columns_that_are_not_there_are_refused(tmp_path: Path, columns: Any, said: str) -> None:
    path = written(tmp_path, "f.csv", "who,does,whom\na,likes,b\n")
    with pytest.raises(DataError, match=said):
        named(path, columns)


@pytest.mark.parametrize("text", ["", "head=a", "head=a,relation=b,tail=", "head=a,head=b,tail=c", "a,b,c"])
def test_columns_as_text_name_each_part_once(text: str) -> None:
    with pytest.raises(DataError, match="columns must read head=NAME,relation=NAME,tail=NAME"):
        parse_columns(text)


@pytest.mark.parametrize("rows", [1, 2, 3, 100])
def test_how_many_rows_are_read_at_a_time_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    monkeypatch.setattr(tabular, "ROWS", rows)
    table = "".join(f"e{i},r{i % 2},e{i // 2}\n" for i in range(7))
    expected = [(f"e{i}", f"r{i % 2}", f"e{i // 2}") for i in range(7)]
    assert named(written(tmp_path, "f.csv", f"head,relation,tail\n{table}")) == expected
    frame = pd.DataFrame(expected, columns=["head", "relation", "tail"])
    frame.to_parquet(tmp_path / "f.parquet")
    assert named(tmp_path / "f.parquet") == expected


def test_the_same_triples_get_the_same_ids_in_every_table(tmp_path: Path) -> None:
    rows = [("a", "r", "b"), ("c", "s", "a"), ("b", "r", "d")]
    frame = pd.DataFrame(rows, columns=["head", "relation", "tail"])
    frame.to_csv(tmp_path / "f.csv", index=False)
    frame.to_csv(tmp_path / "f.tsv", index=False, sep="\t")
    frame.to_parquet(tmp_path / "f.parquet")
    frame.astype("category").to_parquet(tmp_path / "g.parquet")
    (tmp_path / "h.parquet.gz").write_bytes(gzip.compress((tmp_path / "f.parquet").read_bytes()))
    (tmp_path / "h.csv.gz").write_bytes(gzip.compress((tmp_path / "f.csv").read_bytes()))
    read = [read_path(path) for path in sorted(tmp_path.iterdir())]
    assert len(read) == 6
    assert {(e, r) for e, r, _ in read} == {(("a", "b", "c", "d"), ("r", "s"))}
    assert all(splits["train"].tolist() == [[0, 0, 1], [2, 1, 0], [1, 0, 3]] for _, _, splits in read)


def test_parquet_columns_may_be_numbers_and_are_chosen_by_name(tmp_path: Path) -> None:
    frame = pd.DataFrame({"from": [1, 2], "kind": ["r", "s"], "to": [2, 3], "weight": [0.1, 0.2]})
    frame.to_parquet(tmp_path / "f.parquet")
    assert named(tmp_path / "f.parquet", ("from", "kind", "to")) == [("1", "r", "2"), ("2", "s", "3")]
    with pytest.raises(DataError, match=r"f.parquet: column 'weight' holds double, expected text or whole"):
        named(tmp_path / "f.parquet", ("from", "kind", "weight"))
    with pytest.raises(DataError, match=r"cannot tell which of the columns"):
        named(tmp_path / "f.parquet")


def test_a_missing_name_in_parquet_is_told_with_its_row(tmp_path: Path) -> None:
    pd.DataFrame({"head": ["a", None], "relation": ["r", "r"], "tail": ["b", "c"]}).to_parquet(
        tmp_path / "f.parquet"
    )
    with pytest.raises(DataError, match=r"/f.parquet row 2: the head is empty"):
        named(tmp_path / "f.parquet")


def test_a_file_that_is_no_parquet_is_one_sentence(tmp_path: Path) -> None:
    for content in (b"", b"a,b,c\n", b"PAR1" + b"\0" * 50 + b"PAR1"):
        with pytest.raises(DataError, match=r"/f.parquet is not a readable Parquet file: "):
            named(written(tmp_path, "f.parquet", content))


def test_more_rows_than_the_memory_holds_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pd.DataFrame({"head": ["a"] * 9, "relation": ["r"] * 9, "tail": ["b"] * 9}).to_parquet(
        tmp_path / "f.parquet"
    )
    monkeypatch.setattr("kgtuner.graph.parquet.largest_unpacked", lambda: 100)
    with pytest.raises(DataError, match="f.parquet has 9 rows, more than half of the free memory holds"):
        named(tmp_path / "f.parquet")


def test_without_pyarrow_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(DataError, match=r"needs pyarrow, .*: pip install 'kgtuner\[parquet\]'"):
        named(written(tmp_path, "f.parquet", b""))
