from __future__ import annotations

import hashlib
import logging
import pickle
import subprocess
import sys
from pathlib import Path

import networkx as nx
import numpy as np
import pandas as pd
import pytest

from kgtuner.errors import DataError
from kgtuner.graph import KnowledgeGraph

TRAIN = [("paris", "capital_of", "france"), ("france", "borders", "spain"), ("spain", "borders", "france")]
VALID = [("france", "borders", "italy")]
TEST = [("rome", "capital_of", "italy")]
COLUMNS = ["head", "relation", "tail"]


def write(folder: Path, **splits: list[tuple[str, str, str]]) -> Path:
    for name, triples in splits.items():
        text = "".join("\t".join(triple) + "\n" for triple in triples)
        (folder / f"{name}.txt").write_text(text, encoding="utf-8")
    return folder


def named(graph: KnowledgeGraph, split: str) -> list[tuple[str, str, str]]:
    return [
        (graph.entities[h], graph.relations[r], graph.entities[t]) for h, r, t in graph.split(split).tolist()
    ]


@pytest.fixture
def graph(tmp_path: Path) -> KnowledgeGraph:
    return KnowledgeGraph.from_tsv(write(tmp_path, train=TRAIN, valid=VALID, test=TEST), name="toy")


def test_a_folder_is_read_as_it_stands(graph: KnowledgeGraph) -> None:
    assert (named(graph, "train"), named(graph, "valid"), named(graph, "test")) == (TRAIN, VALID, TEST)


def test_entities_are_counted_over_all_splits(graph: KnowledgeGraph) -> None:
    assert tuple(graph.entities) == ("paris", "france", "spain", "italy", "rome")
    assert (graph.n_entities, graph.n_relations) == (5, 2)


def test_frames_and_arrays_give_the_same_graph_as_the_files(graph: KnowledgeGraph) -> None:
    train, valid, test = (pd.DataFrame(rows, columns=COLUMNS) for rows in (TRAIN, VALID, TEST))
    from_frame = KnowledgeGraph.from_dataframe(train, valid=valid, test=test)
    arrays = (graph.train, graph.valid, graph.test)
    from_arrays = KnowledgeGraph.from_arrays(*arrays, entities=graph.entities, relations=graph.relations)
    assert from_frame.fingerprint == from_arrays.fingerprint == graph.fingerprint


def test_a_frame_without_the_usual_columns_is_read_by_position() -> None:
    usual = pd.DataFrame(TRAIN * 1 + VALID + TEST, columns=COLUMNS)
    train = usual.rename(columns={"head": "subject", "relation": "predicate", "tail": "object"})
    extra = train.assign(source="somewhere")
    first = KnowledgeGraph.from_dataframe(usual, valid=usual[:1], test=usual[:1])
    second = KnowledgeGraph.from_dataframe(extra, valid=extra[:1], test=extra[:1])
    assert first.fingerprint == second.fingerprint


def test_columns_are_found_by_name_in_any_order() -> None:
    frame = pd.DataFrame(TRAIN, columns=COLUMNS)
    turned = frame[["tail", "head", "relation"]]
    first = KnowledgeGraph.from_dataframe(frame, valid=frame, test=frame)
    second = KnowledgeGraph.from_dataframe(turned, valid=turned, test=turned)
    assert first.fingerprint == second.fingerprint


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (pd.DataFrame({"head": ["a"], "relation": ["r"], "object": ["b"]}), "only 'head', 'relation' of"),
        (pd.DataFrame({"x": ["a"], "y": ["b"]}), "needs three columns"),
        (pd.DataFrame([("a", "r", "b"), ("a", "r", None)], columns=COLUMNS), "missing value in row 1"),
        (pd.DataFrame([(1, "r", "1")], columns=COLUMNS), "different values among the entities .* '1'"),
        (pd.DataFrame([], columns=COLUMNS), "train split .* empty"),
    ],
)
def test_a_frame_that_does_not_say_three_names_is_refused(frame: pd.DataFrame, said: str) -> None:
    with pytest.raises(DataError, match=said):
        KnowledgeGraph.from_dataframe(frame)


def test_networkx_edges_become_triples_with_their_attribute() -> None:
    edges = nx.MultiDiGraph()
    edges.add_edges_from(
        (str(i), str((i + step) % 12), {"kind": f"plus{step}"}) for step in (1, 2, 3) for i in range(12)
    )
    graph = KnowledgeGraph.from_networkx(edges, "kind")
    every = [triple for split in ("train", "valid", "test") for triple in named(graph, split)]
    assert sorted(every) == sorted((h, d["kind"], t) for h, t, d in edges.edges(data=True))
    assert len(graph.valid) > 0 < len(graph.test)


def test_networkx_graphs_without_direction_or_relation_are_refused() -> None:
    with pytest.raises(DataError, match="undirected Graph"):
        KnowledgeGraph.from_networkx(nx.Graph([("a", "b")]))
    with pytest.raises(DataError, match="edge 'a' -> 'b' has no attribute 'relation'"):
        KnowledgeGraph.from_networkx(nx.DiGraph([("a", "b")]))


def test_arrays_without_names_are_named_by_their_ids() -> None:
    graph = KnowledgeGraph.from_arrays([[0, 0, 2], [2, 1, 1]], valid=[[3, 0, 0]], test=[[0, 1, 3]])
    assert (tuple(graph.entities), tuple(graph.relations)) == (("0", "1", "2", "3"), ("0", "1"))


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"train": [[0, 0]]}, r"shape \(n, 3\), got \(1, 2\)"),
        ({"train": [[0.0, 0.0, 1.0]]}, "whole numbers, got float64"),
        ({"train": [[0, 0, -1]]}, "tail id -1"),
        ({"train": [[0, 0, 5]], "entities": ["a", "b"]}, "tail id 5, expected 0 to 1"),
        ({"train": [[0, 3, 1]], "relations": ["r"]}, "relation id 3, expected 0 to 0"),
        ({"train": [[0, 0, 1]], "entities": ["a", "a"]}, "two entity ids have the name 'a'"),
        ({"train": [[0, 0, 1]], "valid": []}, "the valid split of graph is empty"),
        ({"train": []}, "the train split of graph is empty"),
    ],
)
def test_arrays_that_are_no_triples_are_refused(arrays: dict[str, list[object]], said: str) -> None:
    with pytest.raises(DataError, match=said):
        KnowledgeGraph.from_arrays(**arrays)  # type: ignore[arg-type]


@pytest.mark.parametrize("split", ["valid", "test"])
def test_a_relation_that_is_not_in_train_is_refused_by_name(tmp_path: Path, split: str) -> None:
    splits = {"train": TRAIN, "valid": VALID, "test": TEST}
    splits[split] = [*splits[split], ("rome", "near", "paris"), ("paris", "near", "rome")]
    with pytest.raises(DataError, match=rf"relation 'near' is in {split} \(2 triples\) but not in train"):
        KnowledgeGraph.from_tsv(write(tmp_path, **splits))


def ring(n: int = 60) -> list[tuple[str, str, str]]:
    return [(f"e{i}", f"plus{step}", f"e{(i + step) % n}") for step in (1, 2, 3) for i in range(n)]


def test_a_single_file_is_split_by_the_seed(tmp_path: Path) -> None:
    path = write(tmp_path, facts=ring()) / "facts.txt"
    first, again, other = (KnowledgeGraph.from_tsv(path, seed=seed) for seed in (3, 3, 4))
    assert first.name == "facts"
    assert (len(first.train), len(first.valid), len(first.test)) == (144, 18, 18)
    assert first.fingerprint == again.fingerprint != other.fingerprint


def test_a_missing_test_split_is_taken_from_train_and_valid_stays(tmp_path: Path) -> None:
    folder = write(tmp_path, train=ring(), valid=ring()[:5])
    graph = KnowledgeGraph.from_tsv(folder)
    assert named(graph, "valid") == ring()[:5]
    assert (len(graph.train), len(graph.test)) == (162, 18)


def test_repeated_triples_are_reported_when_a_file_is_split(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write(tmp_path, facts=ring() + ring()[:4]) / "facts.txt"
    with caplog.at_level(logging.WARNING):
        KnowledgeGraph.from_tsv(path)
    assert "facts: left out 4 repeated triples" in caplog.text


def test_repeated_triples_stay_where_the_splits_are_given(tmp_path: Path) -> None:
    folder = write(tmp_path, train=TRAIN + TRAIN, valid=VALID, test=TEST)
    assert len(KnowledgeGraph.from_tsv(folder).train) == 6


def test_a_path_without_a_graph_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no graph at .*nowhere"):
        KnowledgeGraph.from_tsv(tmp_path / "nowhere")


def test_names_lead_to_ids_and_a_wrong_one_to_the_nearest(graph: KnowledgeGraph) -> None:
    assert (graph.entity_id("spain"), graph.relation_id("borders")) == (2, 1)
    with pytest.raises(DataError, match=r"unknown entity 'Frnace' in toy. Did you mean 'france'\?"):
        graph.entity_id("Frnace")
    with pytest.raises(DataError, match=r"unknown relation 'xxxx' in toy\.$"):
        graph.relation_id("xxxx")


def test_an_unknown_split_is_refused(graph: KnowledgeGraph) -> None:
    with pytest.raises(DataError, match="unknown split 'dev': expected one of train, valid, test"):
        graph.split("dev")
    with pytest.raises(DataError, match="unknown split 'dev'"):
        graph.known_answers(("train", "dev"))


def test_triples_cannot_be_changed_from_inside_or_outside() -> None:
    mine = np.array([[0, 0, 1], [1, 0, 0]])
    graph = KnowledgeGraph("g", ("a", "b"), ("r",), mine, mine[:1], mine[:1])
    mine[0, 0] = 1
    assert graph.train.tolist() == [[0, 0, 1], [1, 0, 0]]
    with pytest.raises(ValueError, match="read-only"):
        graph.train[0, 0] = 1


def test_the_fingerprint_is_the_hash_of_sizes_names_and_triples() -> None:
    graph = KnowledgeGraph.from_arrays([[0, 0, 1]], [[1, 0, 0]], [[0, 0, 1]], ["ä", "b"], ["r"])

    def numbers(*values: int) -> bytes:
        return b"".join(value.to_bytes(8, "little") for value in values)

    names = numbers(2, 0, 2, 3) + "äb".encode() + numbers(1, 0, 1) + b"r"
    triples = numbers(1, 0, 0, 1) + numbers(1, 1, 0, 0) + numbers(1, 0, 0, 1)
    assert graph.fingerprint == hashlib.sha256(names + triples).hexdigest()


def test_the_fingerprint_changes_with_every_part_but_the_name(graph: KnowledgeGraph) -> None:
    def changed(**parts: object) -> str:
        names = ("name", "entities", "relations", "train", "valid", "test")
        return KnowledgeGraph(**{name: parts.get(name, getattr(graph, name)) for name in names}).fingerprint

    others = {
        changed(entities=("paris", "france", "spain", "italy", "Rome")),
        changed(entities=("parisf", "rance", "spain", "italy", "rome")),
        changed(relations=("capital_of", "touches")),
        changed(train=graph.train[::-1]),
        changed(valid=graph.test, test=graph.valid),
    }
    assert len(others | {graph.fingerprint}) == 6
    assert changed(name="other") == graph.fingerprint


def test_known_answers_follow_the_chosen_splits_and_are_computed_once(graph: KnowledgeGraph) -> None:
    borders_france = np.array([graph.entity_id("france")]), np.array([graph.relation_id("borders")])
    assert graph.known_answers().counts(*borders_france).tolist() == [2]
    assert graph.known_answers(("train",)).counts(*borders_france).tolist() == [1]
    assert graph.known_answers(["test", "train", "valid"]) is graph.known_answers()


def test_a_graph_survives_the_way_to_another_process(graph: KnowledgeGraph) -> None:
    graph.known_answers()
    copy = pickle.loads(pickle.dumps(graph))
    assert copy.fingerprint == graph.fingerprint
    assert not copy.train.flags.writeable
    assert len(pickle.dumps(copy)) == len(pickle.dumps(graph))


def test_importing_the_graph_package_loads_no_heavy_library() -> None:
    heavy = {"torch", "pandas", "networkx", "scipy"}
    code = f"import sys, kgtuner.graph; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("name", "entities", "relations", "train", "valid", "test"),
    [
        ("wn18rr", 40_943, 11, 86_835, 3_034, 3_134),
        ("fb15k-237", 14_541, 237, 272_115, 17_535, 20_466),
        ("umls", 135, 46, 5_216, 652, 661),
        ("nations", 14, 55, 1_592, 199, 201),
        ("codex-s", 2_034, 42, 32_888, 1_827, 1_828),
    ],
)
def test_benchmark_graphs_have_their_published_sizes(
    data_dir: Path, name: str, entities: int, relations: int, train: int, valid: int, test: int
) -> None:
    graph = KnowledgeGraph.from_tsv(data_dir / name)
    sizes = (graph.n_entities, graph.n_relations, len(graph.train), len(graph.valid), len(graph.test))
    assert sizes == (entities, relations, train, valid, test)
