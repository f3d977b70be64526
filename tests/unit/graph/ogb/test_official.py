"""OGB's own class on current torch: first and later times, asking nothing, writing nothing, running nothing."""

from __future__ import annotations

import builtins
import pickle
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from kgtuner.api.graphs import as_graph
from kgtuner.errors import DataError
from kgtuner.graph.catalog import resolve_graph
from kgtuner.graph.ogb.official import open_dataset, without_look_for_newer_version

BOTH = ("ogbl-wikikg2", "ogbl-biokg")


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def asked(*given: Any) -> str:
        raise AssertionError("a program must never wait for an answer on standard input")

    monkeypatch.setattr(builtins, "input", asked)
    monkeypatch.setenv("KGTUNER_CACHE", str(tmp_path / "cache"))


def state(folder: Path) -> list[tuple[str, int]]:
    return sorted((str(path), path.stat().st_mtime_ns) for path in folder.rglob("*"))


@pytest.mark.parametrize("name", BOTH)
def test_the_first_and_the_second_opening_give_the_graph_and_its_splits(
    name: str, ogb_folders: dict[str, Path]
) -> None:
    folder = ogb_folders[name]
    before, ours = state(folder), resolve_graph(str(folder))
    for _ in range(2):
        dataset = open_dataset(name, folder.parent)
        graph, splits = dataset[0], dataset.get_edge_split()
        assert sum(edge.shape[1] for edge in arrays(graph)) == len(ours.train)
        for split in ("train", "valid", "test"):
            assert (splits[split]["relation"] == ours.split(split)[:, 1]).all()
        assert splits["valid"]["head_neg"].shape == ours.given["valid"].heads.shape
    assert state(folder) == before


@pytest.mark.parametrize("name", BOTH)
def test_ogbs_own_cache_is_read_where_it_has_left_one(
    name: str, ogb_folders: dict[str, Path], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(ogb_folders[name], tmp_path / ogb_folders[name].name))
    first = open_dataset(name, tmp_path)[0]
    torch.save(first, folder / "processed" / "data_processed", pickle_protocol=4)
    shutil.rmtree(folder / "raw")
    again = open_dataset(name, tmp_path)[0]
    assert again.keys() == first.keys()
    for of_first, of_again in zip(arrays(first), arrays(again), strict=True):
        assert (of_first == of_again).all()


def arrays(graph: dict[str, Any]) -> list[Any]:
    """The ends of all edges, type by type where there are types."""
    return [graph["edge_index"]] if "edge_index" in graph else list(graph["edge_index_dict"].values())


def test_a_missing_release_file_or_missing_edges_delete_and_fetch_nothing(
    ogb_folders: dict[str, Path], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(ogb_folders["ogbl-wikikg2"], tmp_path / "ogbl_wikikg2"))
    (folder / "RELEASE_v1.txt").unlink()
    (folder / "notes.txt").write_text("mine")
    assert open_dataset("ogbl-wikikg2", tmp_path)[0]["num_nodes"] == 150
    (folder / "raw" / "edge.csv.gz").unlink()
    with pytest.raises(DataError, match=r"lacks OGB's edges in raw/, and nothing is downloaded"):
        open_dataset("ogbl-wikikg2", tmp_path)
    assert (folder / "notes.txt").read_text() == "mine"
    with pytest.raises(DataError, match="is no graph of OGB"):
        open_dataset("ogbl-biokg", tmp_path)


class Program:
    """What a hostile file could hold."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.trace,))


def test_a_program_in_a_file_is_refused_and_not_run(ogb_folders: dict[str, Path], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(ogb_folders["ogbl-wikikg2"], tmp_path / "ogbl_wikikg2"))
    trace = tmp_path / "it ran"
    for place in ("processed/data_processed", "split/time/train.pt"):
        torch.save({"head": Program(trace)}, folder / place, pickle_protocol=4)
    pickle.loads(pickle.dumps(Program(trace)))
    assert trace.exists()  # it would run
    trace.unlink()
    with pytest.raises(DataError, match="is refused"):
        open_dataset("ogbl-wikikg2", tmp_path)
    (folder / "processed" / "data_processed").unlink()
    dataset = open_dataset("ogbl-wikikg2", tmp_path)
    with pytest.raises(DataError, match="is refused"):
        dataset.get_edge_split()
    assert not trace.exists()


def test_the_module_that_others_import_stays_as_it_is(ogb_folders: dict[str, Path]) -> None:
    with without_look_for_newer_version():
        import ogb.linkproppred.dataset as theirs
    open_dataset("ogbl-biokg", ogb_folders["ogbl-biokg"].parent)
    assert theirs.torch is torch
    assert theirs.shutil is shutil
    assert sys.modules["ogb.linkproppred.dataset"] is theirs


@pytest.mark.parametrize("name", BOTH)
def test_an_object_of_ogb_is_a_graph_by_its_folder(name: str, ogb_folders: dict[str, Path]) -> None:
    folder = ogb_folders[name]
    graph = as_graph(open_dataset(name, folder.parent), seed=0)
    assert graph.fingerprint == resolve_graph(str(folder)).fingerprint
