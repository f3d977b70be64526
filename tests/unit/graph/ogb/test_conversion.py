"""An OGB folder becomes the graph that OGB itself reads, once, and the folder stays as it was."""

from __future__ import annotations

import builtins
import functools
import gzip
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from kgtuner.errors import DataError
from kgtuner.graph.catalog import resolve_graph
from kgtuner.graph.checking import check
from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.graph.ogb import conversion
from kgtuner.graph.ogb.conversion import load_ogb
from kgtuner.graph.ogb.official import without_look_for_newer_version
from kgtuner.models import MODELS
from kgtuner.prediction.predictor import LinkPredictor
from kgtuner.types import SPLITS

BOTH = ("ogbl-wikikg2", "ogbl-biokg")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    def asked(*args: Any) -> str:
        raise AssertionError("a program must never wait for an answer on standard input")

    monkeypatch.setattr(builtins, "input", asked)
    monkeypatch.setenv("KGTUNER_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def read_by_ogb(name: str, folder: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What OGB makes of a copy of the folder; it unpickles, which is fine for files that we have just made."""
    shutil.copytree(folder, root / folder.name)
    monkeypatch.setattr(torch, "load", functools.partial(torch.load, weights_only=False))
    with without_look_for_newer_version():
        from ogb.linkproppred import LinkPropPredDataset
    return LinkPropPredDataset(name, root=str(root))


def test_untyped_graph_is_the_one_that_ogb_reads(
    ogb_folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = ogb_folders["ogbl-wikikg2"]
    theirs = read_by_ogb("ogbl-wikikg2", folder, tmp_path / "theirs", monkeypatch)
    ours = resolve_graph(str(folder))
    graph = theirs[0]
    edges = np.column_stack((graph["edge_index"][0], graph["edge_reltype"][:, 0], graph["edge_index"][1]))
    assert ours.n_entities == graph["num_nodes"] == 150
    assert (ours.train == edges).all()
    for split, content in theirs.get_edge_split().items():
        assert (
            ours.split(split) == np.column_stack([content[c] for c in ("head", "relation", "tail")])
        ).all()
        if split != "train":
            assert (ours.given[split].heads == content["head_neg"]).all()
            assert (ours.given[split].tails == content["tail_neg"]).all()
    assert ours.types is None
    assert (ours.entities[2], ours.relations[3]) == ("Q7", "P7")


def test_typed_graph_is_the_one_that_ogb_reads(
    ogb_folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = ogb_folders["ogbl-biokg"]
    theirs = read_by_ogb("ogbl-biokg", folder, tmp_path / "theirs", monkeypatch)
    ours = resolve_graph(str(folder))
    counts = theirs[0]["num_nodes_dict"]
    offset = dict(zip(counts, np.cumsum([0, *counts.values()]), strict=False))  # as OGB's own examples do
    assert ours.types is not None
    assert list(ours.types.names) == list(counts) == sorted(counts)
    assert ours.n_entities == sum(counts.values())
    for split, content in theirs.get_edge_split().items():
        heads = content["head"] + [offset[kind] for kind in content["head_type"]]
        tails = content["tail"] + [offset[kind] for kind in content["tail_type"]]
        assert (ours.split(split) == np.column_stack((heads, content["relation"], tails))).all()
        if split != "train":
            moved = content["head_neg"] + np.array([offset[kind] for kind in content["head_type"]])[:, None]
            assert (ours.given[split].heads == moved).all()
    edges = sum(len(edge[0]) for edge in theirs[0]["edge_index_dict"].values())
    assert edges == len(ours.train)
    assert ours.entities[offset["protein"] + 4] == "protein:P0000004"


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("options", [{"legacy": True, "protocol": 2}, {"legacy": True}, {"protocol": 3}])
def test_every_format_of_torch_gives_the_same_graph(
    name: str, options: dict[str, Any], ogb_layout: ModuleType, tmp_path: Path
) -> None:
    types = {"a": 6, "b": 9} if name == "ogbl-biokg" else {}
    shape = ogb_layout.Shape(name, 15, 4, 60, 8, 8, types, negatives=5)
    first = resolve_graph(str(ogb_layout.write_ogb_layout(tmp_path / "1", shape, seed=2)))
    second = resolve_graph(str(ogb_layout.write_ogb_layout(tmp_path / "2", shape, seed=2, **options)))
    assert first.fingerprint == second.fingerprint


@pytest.mark.parametrize("name", BOTH)
def test_the_second_reading_is_from_our_binary_form_and_the_folder_stays_as_it_was(
    name: str, ogb_folders: dict[str, Path], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = ogb_folders[name]
    before = sorted((str(p), p.stat().st_mtime_ns) for p in folder.rglob("*"))
    first = resolve_graph(str(folder))
    monkeypatch.setattr(conversion, "convert", None)  # would fail when called
    second = resolve_graph(str(folder))
    assert second.fingerprint == first.fingerprint
    assert isinstance(second.given["valid"].heads, np.memmap)
    assert sorted((str(p), p.stat().st_mtime_ns) for p in folder.rglob("*")) == before
    assert [path.name for path in (cache / "binary").iterdir()] == [next((cache / "binary").iterdir()).name]


def test_a_damaged_copy_is_made_anew(ogb_folders: dict[str, Path], cache: Path) -> None:
    first = load_ogb(ogb_folders["ogbl-biokg"], "b", cache)
    copy = next(cache.iterdir())
    (copy / "header.json").write_text("{}")
    assert load_ogb(ogb_folders["ogbl-biokg"], "b", cache).fingerprint == first.fingerprint


def test_without_raw_files_ogbs_own_cache_says_how_many_entities_there_are(
    ogb_folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in BOTH:
        expected = resolve_graph(str(ogb_folders[name])).fingerprint
        read_by_ogb(name, ogb_folders[name], tmp_path, monkeypatch)  # leaves processed/data_processed
        folder = tmp_path / ogb_folders[name].name
        shutil.rmtree(folder / "raw")
        assert resolve_graph(str(folder)).fingerprint == expected
        (folder / "processed" / "data_processed").unlink()
        with pytest.raises(DataError, match=r"does not say how many entities there are"):
            load_ogb(folder, "again", tmp_path / "other")


def test_a_missing_release_file_asks_nothing_and_deletes_nothing(
    ogb_folders: dict[str, Path], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(ogb_folders["ogbl-wikikg2"], tmp_path / "mine"))
    (folder / "RELEASE_v1.txt").unlink()  # where OGB would ask whether to delete the folder
    (folder / "notes.txt").write_text("mine")
    assert resolve_graph(str(folder)).n_entities == 150
    assert (folder / "notes.txt").read_text() == "mine"


def changed(ogb_folders: dict[str, Path], tmp_path: Path, name: str, **parts: Any) -> Path:
    """A copy of a folder whose valid split has other parts."""
    folder = Path(shutil.copytree(ogb_folders[name], tmp_path / "changed"))
    path = next(folder.glob("split/*/valid.pt"))
    content = torch.load(path, weights_only=False)
    torch.save({**content, **parts}, path)
    return folder


def test_what_does_not_fit_together_is_refused(ogb_folders: dict[str, Path], tmp_path: Path) -> None:
    cases: list[tuple[str, dict[str, Any], str]] = [
        ("ogbl-wikikg2", {"head_neg": np.full((60, 50), 150)}, "head_neg of valid has the id 150"),
        ("ogbl-wikikg2", {"head_neg": np.zeros((59, 50), int)}, "head_neg has 59 rows, expected 60"),
        ("ogbl-wikikg2", {"tail": np.zeros(60)}, "tail of valid in .* must be an array of whole numbers"),
        ("ogbl-wikikg2", {"tail": np.zeros(3, int)}, "tail of valid has 3 entries, expected 60"),
        ("ogbl-biokg", {"tail_type": ["drug"] * 59}, "tail_type must name the type of each tail"),
        ("ogbl-biokg", {"tail_type": ["drag"] * 60}, "tail_type has the type 'drag', expected disease"),
        ("ogbl-biokg", {"head": np.full(60, 41)}, r"has the ids 0 to \d+, got 41"),
    ]
    for number, (name, parts, message) in enumerate(cases):
        folder = changed(ogb_folders, tmp_path / str(number), name, **parts)
        with pytest.raises(DataError, match=message):
            load_ogb(folder, "x", tmp_path / "cache")


def test_names_are_unique_and_complete_or_the_ids_themselves(
    ogb_folders: dict[str, Path], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(ogb_folders["ogbl-wikikg2"], tmp_path / "names"))
    path = folder / "mapping" / "nodeidx2entityid.csv.gz"
    rows = ["node idx,entity id", *(f"{i},Q{i // 2}" if i < 2 else f"{i},N{i}" for i in range(150))]
    path.write_bytes(gzip.compress("\n".join(rows).encode()))
    assert resolve_graph(str(folder)).entities[:3] == ("Q0#0", "Q0#1", "N2")
    path.write_bytes(gzip.compress("\n".join(rows[:-1]).encode()))
    with pytest.raises(DataError, match=r"expected 150 rows of id and name"):
        resolve_graph(str(folder))
    path.unlink()
    assert resolve_graph(str(folder)).entities[:3] == ("0", "1", "2")


def test_a_saved_graph_keeps_types_and_given_answers_and_shares_their_files(
    ogb_folders: dict[str, Path], tmp_path: Path
) -> None:
    graph = load_ogb(ogb_folders["ogbl-biokg"], "b", tmp_path / "cache")
    graph.save(tmp_path / "run" / "graph")
    again = KnowledgeGraph.load(tmp_path / "run" / "graph")
    assert again.fingerprint == graph.fingerprint
    assert again.types is not None
    assert graph.types is not None
    assert again.types.names == graph.types.names
    for split in ("valid", "test"):
        files = again.given[split].files
        assert files is not None
        assert files[0].stat().st_nlink == 2  # the cache's own file under a second name
        assert (again.given[split].tails == graph.given[split].tails).all()
    other = KnowledgeGraph("b", graph.entities, graph.relations, *map(graph.split, SPLITS))
    assert other.fingerprint != graph.fingerprint


def test_predictions_lead_back_to_the_ids_that_ogb_counts_within_a_type(ogb_folders: dict[str, Path]) -> None:
    graph = resolve_graph(str(ogb_folders["ogbl-biokg"]))
    assert graph.types is not None
    model = MODELS["distmult"](graph.n_entities, graph.n_relations, 8)
    model.initialize(torch.Generator().manual_seed(0))
    drug = graph.types.to_global(np.array([graph.types.type_id("drug")]), np.array([4]))
    assert graph.entities[int(drug[0])] == "drug:D0000004"
    answers = [a.entity for a in LinkPredictor(model, graph).predict_tails("drug:D0000004", "r6", k=5)]
    types, own = graph.types.to_local(np.array([list(graph.entities).index(name) for name in answers]))
    assert {graph.types.names[kind] for kind in types} == {"function"}  # where r6 leads from drugs
    assert answers == [f"function:F{number:07d}" for number in own]  # as OGB's mapping names them


def test_an_ogb_folder_can_be_checked(ogb_folders: dict[str, Path]) -> None:
    graph, findings = check(str(ogb_folders["ogbl-biokg"]))
    assert graph.types is not None
    assert {finding.kind for finding in findings} >= {"self_loops"}
