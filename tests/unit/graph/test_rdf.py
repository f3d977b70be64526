from __future__ import annotations

import gzip
import sys
from pathlib import Path
from typing import Any

import pytest

from kgtuner.errors import ConfigError, DataError
from kgtuner.graph import KnowledgeGraph
from kgtuner.graph.formats import Reading, read_path

TRIPLES = """\
<http://ex.org/a> <http://ex.org/knows> <http://ex.org/b> .
# a comment, then a blank line

_:x <http://ex.org/knows> <http://ex.org/a> .
<http://ex.org/a> <http://ex.org/label> "A \\"q\\"\\n"@en .
<http://ex.org/a> <http://ex.org/age> "3"^^<http://www.w3.org/2001/XMLSchema#integer> .
_:y <http://ex.org/knows> _:x .
"""
TURTLE = """\
@prefix ex: <http://ex.org/> .
ex:a ex:knows ex:b ; ex:label "A" ; ex:age 3 .
_:k ex:knows ex:a, [ ex:knows ex:b ] .
<relative> a ex:Thing .
"""
KNOWS = "http://ex.org/knows"


def read(
    folder: Path, name: str, content: str, **options: Any
) -> tuple[list[tuple[str, str, str]], list[str]]:
    notes: list[str] = []
    path = folder / name
    path.write_bytes(gzip.compress(content.encode()) if name.endswith(".gz") else content.encode())
    entities, relations, splits = read_path(path, Reading(**options, on_note=notes.append))
    return [(entities[h], relations[r], entities[t]) for h, r, t in splits["train"].tolist()], notes


@pytest.mark.parametrize("name", ["f.nt", "f.NT", "f.nt.gz"])
def test_n_triples_keep_whole_iris_and_labels_and_count_the_literals(tmp_path: Path, name: str) -> None:
    assert read(tmp_path, name, TRIPLES) == (
        [
            ("http://ex.org/a", KNOWS, "http://ex.org/b"),
            ("_:x", KNOWS, "http://ex.org/a"),
            ("_:y", KNOWS, "_:x"),
        ],
        [f"{name}: left out 2 triples whose tail is a literal, such as a text or a number"],
    )


def test_literals_that_are_kept_have_their_form_in_n_triples_as_name(tmp_path: Path) -> None:
    triples, notes = read(tmp_path, "f.nt", TRIPLES, literals="keep")
    assert notes == []
    assert triples[2:4] == [
        ("http://ex.org/a", "http://ex.org/label", '"A \\"q\\"\\n"@en'),
        ("http://ex.org/a", "http://ex.org/age", '"3"^^<http://www.w3.org/2001/XMLSchema#integer>'),
    ]


@pytest.mark.parametrize("name", ["f.ttl", "f.ttl.gz"])
def test_turtle_prefixes_are_spelled_out_and_blank_nodes_numbered(tmp_path: Path, name: str) -> None:
    triples, notes = read(tmp_path, name, TURTLE)
    assert set(triples) == {
        ("http://ex.org/a", KNOWS, "http://ex.org/b"),
        ("_:f-1", KNOWS, "http://ex.org/b"),  # what is in brackets is stated first
        ("_:f-2", KNOWS, "http://ex.org/a"),
        ("_:f-2", KNOWS, "_:f-1"),
        ("relative", "http://www.w3.org/1999/02/22-rdf-syntax-ns#type", "http://ex.org/Thing"),
    }
    assert notes == [f"{name}: left out 2 triples whose tail is a literal, such as a text or a number"]


def test_turtle_gives_the_same_names_each_time(tmp_path: Path) -> None:
    assert read(tmp_path, "f.ttl", TURTLE) == read(tmp_path, "f.ttl", TURTLE)


def test_repeated_statements_are_not_hidden(tmp_path: Path) -> None:
    twice = "@prefix ex: <http://ex.org/> .\nex:a ex:p ex:b .\nex:a ex:p ex:b .\n"
    assert len(read(tmp_path, "f.ttl", twice)[0]) == 2


def test_blank_nodes_of_two_n_triples_files_share_their_labels_and_those_of_turtle_do_not(
    tmp_path: Path,
) -> None:
    line = "_:x <http://ex.org/p> <http://ex.org/a> .\n"
    for suffix, expected in ((".nt", {"_:x"}), (".ttl", {"_:train-1", "_:valid-1", "_:test-1"})):
        folder = tmp_path / suffix.lstrip(".")
        folder.mkdir()
        for split in ("train", "valid", "test"):
            (folder / f"{split}{suffix}").write_text(line)
        graph = KnowledgeGraph.from_path(folder)
        assert {name for name in graph.entities if name.startswith("_:")} == expected


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (
            "b.nt",
            "<x:a> <x:b> <x:c> .\n<x:a> b c .\n",
            r"b.nt line 2: expected one triple of N-Triples, got '<x:a> b",
        ),
        ("b.nt", "<x:a> <x:b> <x:c>\n", "b.nt line 1: expected one triple"),
        ("b.nt", "a\tb\tc\n", "b.nt line 1: expected one triple"),
        ("b.nt", "<x:a> <x:b> _:c .\n" * 9 + "<x:a> <x:b> .\n", "b.nt line 10: "),
        ("b.nt", "", r"no triple between resources in .*b.nt: it is empty"),
        ("b.nt", '<x:a> <x:b> "c" .\n', "it has only 1 triple whose tail is a literal .--literals keep"),
        (
            "b.ttl",
            "@prefix ex: <x:> .\nex:a ex:b\n  ex:c ex:d ex:e .\n",
            "b.ttl line [234]: expected Turtle, got ",
        ),
        ("b.ttl", "ex:a ex:b ex:c .\n", "b.ttl line 1: expected Turtle, got 'Prefix \"ex:\" not bound'"),
        ("b.ttl", "<a> <b> 'open", "b.ttl line 1: expected Turtle"),
        ("b.ttl", "<a> <b> " + "[ <c> " * 5000 + "<d>" + "]" * 5000 + " .", "b.ttl is nested too deeply"),
    ],
)
def test_bad_rdf_is_one_sentence_with_its_line(tmp_path: Path, name: str, content: str, said: str) -> None:
    with pytest.raises(DataError, match=said) as error:
        read(tmp_path, name, content)
    assert "\n" not in str(error.value)


def test_rdf_has_no_columns(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"f.nt has no columns to choose from"):
        read(tmp_path, "f.nt", TRIPLES, columns=("a", "b", "c"))


def test_an_unknown_treatment_of_literals_is_refused() -> None:
    with pytest.raises(ConfigError, match="'kepe'. Did you mean 'keep'"):
        Reading(literals="kepe")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["f.nt", "f.ttl"])
def test_without_rdflib_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setitem(sys.modules, "rdflib", None)
    with pytest.raises(DataError, match=rf"reading {name} needs rdflib, .*: pip install 'kgtuner\[rdf\]'"):
        read(tmp_path, name, TRIPLES)
