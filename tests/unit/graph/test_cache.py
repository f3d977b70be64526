from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from kgtuner.errors import DataError, RunError
from kgtuner.graph import KnowledgeGraph
from kgtuner.graph.names import PackedNames


@pytest.fixture
def graph() -> KnowledgeGraph:
    return KnowledgeGraph.from_arrays(
        [[0, 0, 1], [1, 1, 2]], [[2, 0, 0]], [[1, 1, 0]], ["Zürich", "", "日本"], ["r", "is in"], name="toy"
    )


@pytest.fixture
def folder(graph: KnowledgeGraph, tmp_path: Path) -> Path:
    graph.save(tmp_path / "deep" / "saved")
    return tmp_path / "deep" / "saved"


def test_a_saved_graph_comes_back_the_same(graph: KnowledgeGraph, folder: Path) -> None:
    back = KnowledgeGraph.load(folder)
    assert back.fingerprint == graph.fingerprint
    assert (back.name, list(back.entities), list(back.relations)) == (
        "toy",
        ["Zürich", "", "日本"],
        ["r", "is in"],
    )
    assert back.train.tolist() == graph.train.tolist()
    assert back.entity_id("日本") == 2


def test_loaded_triples_are_mapped_and_not_copied(folder: Path) -> None:
    back = KnowledgeGraph.load(folder)
    assert isinstance(back.train.base, np.memmap)
    assert isinstance(back.entities, PackedNames)
    with pytest.raises(ValueError, match="read-only"):
        back.train[0, 0] = 1


def test_a_split_without_triples_is_saved_too(graph: KnowledgeGraph, tmp_path: Path) -> None:
    nothing = np.empty((0, 3), dtype=np.int64)
    KnowledgeGraph("toy", graph.entities, graph.relations, graph.train, nothing, nothing).save(
        tmp_path / "saved"
    )
    assert KnowledgeGraph.load(tmp_path / "saved").valid.shape == (0, 3)


def test_saving_again_replaces_the_older_graph_and_leaves_nothing_behind(folder: Path) -> None:
    newer = KnowledgeGraph.from_arrays([[0, 0, 1]], [[0, 0, 1]], [[1, 0, 0]], name="newer")
    newer.save(folder)
    assert KnowledgeGraph.load(folder).fingerprint == newer.fingerprint
    assert [path.name for path in folder.parent.iterdir()] == ["saved"]


def test_a_loaded_graph_can_be_saved_onto_itself(folder: Path) -> None:
    back = KnowledgeGraph.load(folder)
    back.save(folder)
    assert KnowledgeGraph.load(folder).fingerprint == back.fingerprint


def test_a_folder_with_something_else_is_never_overwritten(graph: KnowledgeGraph, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(RunError, match="exists and is not a saved graph"):
        graph.save(tmp_path)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_a_place_that_cannot_be_written_is_one_sentence(graph: KnowledgeGraph, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot save toy to"):
        graph.save(tmp_path / "file" / "saved")


@pytest.mark.parametrize("name", ["train.npy", "entities.text.npy", "relations.offsets.npy"])
@pytest.mark.parametrize("harm", ["missing", "cut off", "other bytes", "empty"])
def test_damage_to_any_file_is_found(folder: Path, name: str, harm: str) -> None:
    path = folder / name
    content = path.read_bytes()
    harmed = {"cut off": content[:-3], "other bytes": content[:-1] + bytes([content[-1] ^ 1]), "empty": b""}
    path.unlink()
    if harm != "missing":
        path.write_bytes(harmed[harm])
    with pytest.raises(DataError, match=r"saved graph in .* is damaged"):
        KnowledgeGraph.load(folder)


def test_changed_triples_are_found_by_the_fingerprint(folder: Path) -> None:
    np.save(folder / "valid.npy", np.array([[1, 0, 0]]))
    with pytest.raises(DataError, match="damaged: its content changed"):
        KnowledgeGraph.load(folder)


def test_pickled_objects_are_not_opened(folder: Path) -> None:
    np.save(folder / "valid.npy", np.array([[1, None, 0]], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="is damaged"):
        KnowledgeGraph.load(folder)


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (None, "no saved graph in"),
        ("{", "no saved graph in"),
        ("[]", "is not the header of a saved graph"),
        ('{"format": "something"}', "is not the header of a saved graph"),
        ('{"format": "kgtuner graph", "version": 99}', "has version 99, expected 1"),
        ('{"format": "kgtuner graph", "version": 1, "name": "toy"}', "name and fingerprint are missing"),
    ],
)
def test_a_folder_with_a_foreign_header_is_refused(folder: Path, header: str | None, said: str) -> None:
    (folder / "header.json").unlink()
    if header is not None:
        (folder / "header.json").write_text(header)
    with pytest.raises(DataError, match=said):
        KnowledgeGraph.load(folder)


def test_the_header_is_small_and_says_what_it_is(folder: Path, graph: KnowledgeGraph) -> None:
    assert json.loads((folder / "header.json").read_text()) == {
        "format": "kgtuner graph",
        "version": 1,
        "name": "toy",
        "fingerprint": graph.fingerprint,
    }
