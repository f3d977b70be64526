from __future__ import annotations

from pathlib import Path

import pytest

from kgtuner.errors import ConfigError, DataError
from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.prediction.triple_files import OPEN, read_questions, read_triples

NAMES = ("Berlin", "Germany", "=SUM(1)", "'s-Hertogenbosch", "two\nlines")


@pytest.fixture
def graph() -> KnowledgeGraph:
    return KnowledgeGraph.from_arrays(
        [(0, 0, 1), (3, 1, 2), (4, 0, 1)], [(0, 1, 1)], [(2, 0, 1)], entities=NAMES, relations=("in", "near")
    )


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("q.csv", "head,relation,tail\nBerlin,in,\n,near,Germany\nBerlin,,Germany\n"),
        ("q.csv", "﻿tail,note,relation,head\r\n,x,in,Berlin\r\nGermany,,near,\r\nGermany,,,Berlin\r\n"),
        ("q.TSV", "head\trelation\ttail\nBerlin\tin\t\n\tnear\tGermany\n\nBerlin\t\tGermany\n"),
        ("q.txt", "Berlin\tin\t\n\tnear\tGermany\nBerlin\t\tGermany\n"),
    ],
)
def test_questions_are_read_from_every_kind_of_text(
    name: str, text: str, graph: KnowledgeGraph, tmp_path: Path
) -> None:
    ids = read_questions(written(tmp_path, name, text), graph)
    assert ids.tolist() == [[0, 0, OPEN], [OPEN, 1, 1], [0, OPEN, 1]]


def test_parquet_has_nulls_or_empty_text_for_what_is_asked(graph: KnowledgeGraph, tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    columns = {"tail": ["", "Germany"], "head": ["Berlin", None], "relation": ["in", "near"], "n": [1, 2]}
    parquet.write_table(pa.table(columns), tmp_path / "q.parquet")
    assert read_questions(tmp_path / "q.parquet", graph).tolist() == [[0, 0, OPEN], [OPEN, 1, 1]]
    columns = {"head": pa.array(["Berlin"]).dictionary_encode(), "relation": ["in"], "tail": pa.nulls(1)}
    parquet.write_table(pa.table(columns), tmp_path / "q.parquet")
    assert read_questions(tmp_path / "q.parquet", graph).tolist() == [[0, 0, OPEN]]


def test_a_parquet_file_is_told_apart_by_row_and_column(graph: KnowledgeGraph, tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    path = tmp_path / "q.parquet"
    parquet.write_table(
        pa.table({"head": ["Berlin", "Berlim"], "relation": ["in"] * 2, "tail": [""] * 2}), path
    )
    with pytest.raises(DataError, match=r"q.parquet row 2, head: unknown entity 'Berlim'.*mean 'Berlin'"):
        read_questions(path, graph)
    parquet.write_table(pa.table({"head": [1], "relation": ["in"], "tail": [""]}), path)
    with pytest.raises(DataError, match="the column head must hold text, got int64"):
        read_questions(path, graph)
    path.write_bytes(b"head,relation,tail\n")
    with pytest.raises(DataError, match="cannot read .*q.parquet"):
        read_questions(path, graph)


def test_a_long_name_in_parquet_is_refused_before_it_stands_in_every_row(
    graph: KnowledgeGraph, tmp_path: Path
) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    columns = {"head": ["x" * 1_000_001] * 300, "relation": ["in"] * 300, "tail": [""] * 300}
    parquet.write_table(pa.table(columns), tmp_path / "q.parquet", compression="zstd")
    assert (tmp_path / "q.parquet").stat().st_size < 10_000
    with pytest.raises(DataError, match=r"/q.parquet rows 1 on: a name of 1,000,001 bytes in column 'head'"):
        read_questions(tmp_path / "q.parquet", graph)


def test_a_long_name_is_cut_in_a_message(graph: KnowledgeGraph, tmp_path: Path) -> None:
    path = written(tmp_path, "t.txt", "y" * 100_000 + "\tin\tGermany\n")
    with pytest.raises(DataError) as caught:
        read_triples(path, graph)
    assert str(caught.value) == f"t.txt line 1, head: unknown entity '{'y' * 80}…' in graph."


def test_names_come_back_from_spreadsheet_cells(graph: KnowledgeGraph, tmp_path: Path) -> None:
    text = "head,relation,tail\n'=SUM(1),in,''s-Hertogenbosch\n=SUM(1),in,'s-Hertogenbosch\n\"two\nlines\",in,Berlin\n"
    assert read_triples(written(tmp_path, "t.csv", text), graph).tolist() == [[2, 0, 3], [2, 0, 3], [4, 0, 0]]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "head,relation,tail\nBerlin,in,\nBerlim,in,\n",
            r"q.csv line 3, head: unknown entity 'Berlim' in graph\. Did you mean 'Berlin'\?",
        ),
        (
            "head,relation,tail\nBerlin,inn,\n",
            r"q.csv line 2, relation: unknown relation 'inn' in graph\. Did you mean 'in'\?",
        ),
        ('head,relation,tail\n"two\nlines",in,\nx,in,\n', "q.csv line 4, head: unknown entity 'x'"),
        (
            "head,relation,tail\nBerlin,in,Germany\n",
            "line 2: exactly one of head, relation and tail must be empty, .* but none is",
        ),
        ("head,relation,tail\nBerlin,,\n", "line 2: .*but relation and tail are empty"),
        ("head,relation,tail\nBerlin,in\n", r"line 2: expected 3 fields, got 2: \['Berlin', 'in'\]"),
        (
            "head,rel,tail\nBerlin,in,\n",
            "line 1: no column 'relation' among the columns 'head', 'rel', 'tail'",
        ),
        ("head,relation,tail,head\n", "line 1: more than one column 'head'"),
        ("head,relation,tail\n", "q.csv has no row below its columns"),
        ("", "q.csv has no row below its columns"),
        ('head,relation,tail\n"Berlin,in,\n', "q.csv line 2: unexpected end of data"),
    ],
)
def test_a_bad_question_is_named_by_file_and_line(
    text: str, sentence: str, graph: KnowledgeGraph, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=sentence):
        read_questions(written(tmp_path, "q.csv", text), graph)


def test_triples_are_complete(graph: KnowledgeGraph, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"t.txt line 2: relation and tail must not be empty"):
        read_triples(written(tmp_path, "t.txt", "Berlin\tin\tGermany\nBerlin\t\t\n"), graph)


def test_a_file_that_cannot_be_read_is_one_sentence(graph: KnowledgeGraph, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"unknown file ending '.cvs'. Did you mean '.csv'\?"):
        read_triples(tmp_path / "t.cvs", graph)
    with pytest.raises(DataError, match="does not exist"):
        read_triples(tmp_path / "t.csv", graph)
    (tmp_path / "t.csv").mkdir()
    with pytest.raises(DataError, match="is not a file"):
        read_triples(tmp_path / "t.csv", graph)
    (tmp_path / "u.csv").write_bytes(b"head,relation,tail\n\xff,in,\n")
    with pytest.raises(DataError, match="u.csv: expected UTF-8 text, got byte 0xff"):
        read_questions(tmp_path / "u.csv", graph)
