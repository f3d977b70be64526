from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from kgtuner.errors import DataError
from kgtuner.graph import KnowledgeGraph
from kgtuner.graph.catalog import resolve_graph
from kgtuner.graph.formats import FORMATS, read_path, without_suffix

ROWS = [(f"x:e{i}", "x:r", f"x:e{(i + 1) % 9}") for i in range(9)]


def write(path: Path, rows: list[tuple[str, str, str]]) -> None:
    frame = pd.DataFrame(rows, columns=["head", "relation", "tail"])
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    elif path.suffix == ".csv":
        frame.to_csv(path, index=False)
    elif path.suffix in (".nt", ".ttl"):
        path.write_text("".join(f"<{h}> <{r}> <{t}> .\n" for h, r, t in rows))
    else:
        path.write_text("".join(f"{h}\t{r}\t{t}\n" for h, r, t in rows))


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_folder_and_a_file_of_every_format_are_the_same_graph(tmp_path: Path, suffix: str) -> None:
    for split, rows in (("train", ROWS), ("valid", ROWS[:2]), ("test", ROWS[2:4])):
        write(tmp_path / f"{split}{suffix}", rows)
    graph = resolve_graph(str(tmp_path))
    expected = [[i, 0, (i + 1) % 9] for i in range(9)]
    assert (graph.train.tolist(), graph.valid.tolist(), graph.test.tolist()) == (
        expected,
        expected[:2],
        expected[2:4],
    )
    assert tuple(graph.entities) == tuple(f"x:e{i}" for i in range(9))
    (tmp_path / f"train{suffix}").rename(tmp_path / f"facts{suffix}")
    assert read_path(tmp_path / f"facts{suffix}")[2]["train"].tolist() == expected


def test_the_splits_of_a_folder_may_have_different_formats(tmp_path: Path) -> None:
    write(tmp_path / "train.csv", ROWS)
    write(tmp_path / "valid.parquet", ROWS[:1])
    write(tmp_path / "test.nt", ROWS[1:2])
    graph = KnowledgeGraph.from_path(tmp_path)
    assert (len(graph.train), len(graph.valid), len(graph.test)) == (9, 1, 1)


def test_two_formats_of_one_split_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "train.csv", ROWS)
    write(tmp_path / "train.nt", ROWS)
    with pytest.raises(DataError, match=r"two files for the train split, train.csv and train.nt: keep one"):
        read_path(tmp_path)


def test_an_unknown_ending_is_read_as_tab_separated_and_said_so_if_that_fails(tmp_path: Path) -> None:
    write(tmp_path / "facts.dat", ROWS)
    assert len(read_path(tmp_path / "facts.dat")[2]["train"]) == 9
    (tmp_path / "facts.json").write_text('{"head": "a"}\n')
    said = r"/facts.json line 1: expected 3 .* \(read as tab-separated text because of the ending .json; known are"
    with pytest.raises(DataError, match=said):
        read_path(tmp_path / "facts.json")


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("a.tsv.gz", "a"),
        ("a.b.csv", "a.b"),
        ("A.NT", "A"),
        ("a.xlsx", "a.xlsx"),
        (".csv", ".csv"),
        ("csv", "csv"),
    ],
)
def test_a_graph_is_named_after_its_file_without_the_ending(name: str, plain: str) -> None:
    assert without_suffix(name) == plain


def test_importing_kgtuner_graph_needs_none_of_the_optional_packages() -> None:
    import subprocess
    import sys

    code = (
        "import sys, kgtuner.graph.knowledge_graph, kgtuner.graph.importing, kgtuner.graph.degrees; "
        "print([m for m in ('rdflib', 'pyarrow', 'matplotlib', 'torch', 'pandas') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"
