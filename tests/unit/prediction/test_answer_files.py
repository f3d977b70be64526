from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kgtuner.errors import ConfigError, DataError
from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.prediction.answer_files import writing
from kgtuner.prediction.cells import from_cell

NAMES = ("=1+1", 'a "quoted", one', "two\nlines", "'apostrophe")


@pytest.fixture
def graph() -> KnowledgeGraph:
    return KnowledgeGraph.from_arrays([(0, 0, 1), (2, 0, 3)], [(0, 0, 2)], [(0, 0, 3)], NAMES, ("@r",))


def write(path: Path, graph: KnowledgeGraph) -> None:
    with writing(path, graph) as append:
        for heads in ([0, 1], [2, 3]):
            append(
                {
                    "head": np.array(heads),
                    "relation": np.array([0, 0]),
                    "score": np.array([0.5, -2.0]),
                    "label": np.array([True, False]),
                }
            )


@pytest.mark.parametrize(("ending", "delimiter"), [(".csv", ","), (".tsv", "\t")])
def test_text_names_cannot_be_formulas_and_come_back(
    ending: str, delimiter: str, graph: KnowledgeGraph, tmp_path: Path
) -> None:
    write(tmp_path / f"a{ending}", graph)
    with (tmp_path / f"a{ending}").open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file, delimiter=delimiter)
    assert header == ["head", "relation", "score", "label"]
    assert rows[0] == ["'=1+1", "'@r", "0.5", "true"]
    assert rows[1][2:] == ["-2", "false"]
    assert [from_cell(row[0]) for row in rows] == list(NAMES)


def test_parquet_keeps_names_and_types(graph: KnowledgeGraph, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    write(tmp_path / "a.parquet", graph)
    frame = pd.read_parquet(tmp_path / "a.parquet")
    assert frame["head"].tolist() == list(NAMES)
    assert frame["score"].tolist() == [0.5, -2.0, 0.5, -2.0]
    assert frame["label"].tolist() == [True, False, True, False]


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_an_error_leaves_the_old_file_and_nothing_else(
    ending: str, graph: KnowledgeGraph, tmp_path: Path
) -> None:
    if ending == ".parquet":
        pytest.importorskip("pyarrow")
    path = tmp_path / f"a{ending}"
    path.write_text("old")

    def fail() -> None:
        with writing(path, graph) as append:
            append({"head": np.array([0])})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert path.read_text() == "old"


def test_a_place_that_cannot_be_written_is_said_before_the_work(
    graph: KnowledgeGraph, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=r"unknown file ending '.xlsx'.*\.csv, \.tsv, \.parquet"):
        write(tmp_path / "a.xlsx", graph)
    with pytest.raises(DataError, match="there is no folder .*nowhere to write a.csv to"):
        write(tmp_path / "nowhere" / "a.csv", graph)
