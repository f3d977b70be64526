from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from kgtuner.errors import DataError, RunError
from kgtuner.graph import KnowledgeGraph
from kgtuner.graph.catalog import DatasetCard
from kgtuner.graph.importing import import_graph
from kgtuner.graph.verification import verify_files


def written(path: Path, n: int = 60, name: str = "e{}") -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["who", "does", "whom"])
        for step in (1, 2, 3):
            table.writerows((name.format(i), f"plus{step}", name.format((i + step) % n)) for i in range(n))
    return path


def imported(source: Path, output: Path, **options: Any) -> KnowledgeGraph:
    import_graph(source, output, columns=("who", "does", "whom"), **options)
    return KnowledgeGraph.from_path(output)


def triples(graph: KnowledgeGraph) -> set[tuple[str, str, str]]:
    return {
        (graph.entities[h], graph.relations[r], graph.entities[t])
        for split in (graph.train, graph.valid, graph.test)
        for h, r, t in split.tolist()
    }


def test_the_folder_holds_every_triple_once_and_reads_back(tmp_path: Path) -> None:
    source = written(tmp_path / "facts.csv")
    graph = imported(source, tmp_path / "out", valid=0.2, test=0.05)
    assert (len(graph.train), len(graph.valid), len(graph.test)) == (135, 36, 9)
    assert triples(graph) == {(f"e{i}", f"plus{s}", f"e{(i + s) % 60}") for s in (1, 2, 3) for i in range(60)}
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "dataset.yaml",
        "test.tsv",
        "train.tsv",
        "valid.tsv",
    ]


def test_the_seed_decides_the_split(tmp_path: Path) -> None:
    source = written(tmp_path / "facts.csv")
    tests = [
        imported(source, tmp_path / f"out{i}", seed=seed).fingerprint for i, seed in enumerate((1, 1, 2))
    ]
    assert tests[0] == tests[1] != tests[2]


def test_the_card_is_one_that_data_sets_have_and_its_checksums_hold(tmp_path: Path) -> None:
    source = written(tmp_path / "facts.csv")
    graph = imported(source, tmp_path / "out", seed=3, licence="CC0")
    card = DatasetCard.load(tmp_path / "out" / "dataset.yaml")
    assert (card.name, card.licence, card.citation) == ("facts", "CC0", "not stated")
    assert (card.counts.entities, card.counts.relations, card.counts.triples) == (60, 3, 180)
    assert "facts.csv" in card.description
    assert "(seed 3, leaks warn)" in card.description
    assert str(tmp_path) not in (tmp_path / "out" / "dataset.yaml").read_text()
    assert verify_files(card, tmp_path / "out") == ("train", "valid", "test")
    with (tmp_path / "out" / "test.tsv").open("a") as file:
        file.write("e1\tplus1\te9\n")
    with pytest.raises(DataError, match=r"test.tsv is not the published test split of facts"):
        verify_files(card, tmp_path / "out")
    assert len(graph.test) == 18


def test_a_folder_keeps_its_splits(tmp_path: Path) -> None:
    first = imported(written(tmp_path / "facts.csv"), tmp_path / "out")
    import_graph(tmp_path / "out", tmp_path / "again")
    assert KnowledgeGraph.from_path(tmp_path / "again").fingerprint == first.fingerprint
    assert "splits as given" in (tmp_path / "again" / "dataset.yaml").read_text()


def test_names_with_tabs_and_line_ends_get_spaces_and_it_is_said(tmp_path: Path) -> None:
    source = written(tmp_path / "facts.csv", name="e\t{}\r\nx")
    result = import_graph(source, tmp_path / "out", columns=("who", "does", "whom"))
    assert result.notes == (
        "wrote a space for the tabs and line ends in 60 entity names, for example 'e\\t0\\nx'",
    )
    assert "e 0 x" in KnowledgeGraph.from_path(tmp_path / "out").entities


def test_names_that_would_become_the_same_are_refused(tmp_path: Path) -> None:
    source = written(tmp_path / "facts.csv")
    text = source.read_text().replace("e1,", '"e\n1",').replace("e2,", "e 1,")
    source.write_text(text)
    with pytest.raises(
        DataError, match=r"the entity name 'e\\n1' has a tab or a line end, and another is the same"
    ):
        imported(source, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_taken_is_left_alone(tmp_path: Path) -> None:
    source = written(tmp_path / "facts.csv")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(RunError, match="exists and is not an empty folder"):
        imported(source, tmp_path / "out")
    with pytest.raises(RunError, match="exists and is not an empty folder"):
        imported(source, source)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.txt"]


def test_a_source_that_is_wrong_leaves_nothing_behind(tmp_path: Path) -> None:
    source = written(tmp_path / "facts.csv")
    source.write_text(source.read_text() + "a,b\n")
    with pytest.raises(DataError, match="facts.csv line 182: 2 fields"):
        imported(source, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["facts.csv"]


def test_hostile_names_stay_on_their_lines_and_the_card_stays_yaml(tmp_path: Path) -> None:
    names = ["=1+1", "../../etc", "<script>", "- a: !!python/object", '"', "\u2028x", "{}"]
    source = tmp_path / "facts: !!python.csv"
    with source.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["who", "does", "whom"])
        table.writerows((a, r, b) for r in ("@r", "+s") for a in names for b in names)
    graph = imported(source, tmp_path / "out", licence="x: [\n- !!python/object")
    assert set(graph.entities) == set(names)
    assert DatasetCard.load(tmp_path / "out" / "dataset.yaml").licence == "x: [\n- !!python/object"
