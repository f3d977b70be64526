"""The folder of a run: begun as a whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kgtuner.errors import RunError
from kgtuner.tuning.run_folder import RunFolder


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_a_beginning_that_fails_leaves_what_was_there_before_and_nothing_else(
    error: type[BaseException], tmp_path: Path
) -> None:
    (tmp_path / "graph").mkdir()
    (tmp_path / "graph" / "mine.txt").write_text("mine")
    folder = RunFolder(tmp_path)
    folder.create()
    folder.lock()

    def begin() -> None:
        with folder.all_or_nothing():
            folder.write("run.json", {})
            (tmp_path / "photo.jpg").touch()  # of somebody else, meanwhile
            raise error

    with pytest.raises(error):
        begin()
    folder.unlock()
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")) == [
        "graph",
        "graph/mine.txt",
        "photo.jpg",
    ]


def test_a_folder_made_for_a_beginning_that_fails_is_gone(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.create()
    folder.lock()
    with pytest.raises(OSError, match="full"), folder.all_or_nothing():
        raise OSError("full")
    folder.unlock()
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("files", "free"),
    [
        ([], True),
        (["models/"], True),
        (["models/", "lock"], True),
        (["models/", "lock", ".graph.x1y2/new/train.npy"], True),
        (["models/", "lock", "graph/header.json"], True),
        (["models/", "lock", "graph/header.json", "best.yaml", "run.json.partial"], True),
        (["models/", "lock", "graph/header.json", "space.yaml", "run.json"], False),
        (["photo.jpg"], False),
        (["models/", "lock", "photo.jpg"], False),
        (["graph/header.json"], False),
        (["models/mine.bin"], False),
        (["lock", "models/trial-0.safetensors"], False),
    ],
)
def test_a_folder_is_free_where_a_run_was_killed_before_it_had_begun(
    files: list[str], free: bool, tmp_path: Path
) -> None:
    folder = RunFolder(tmp_path / "run")
    assert folder.free
    folder.path.mkdir()
    for name in files:
        path = folder.path / name
        if name.endswith("/"):
            path.mkdir()
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    assert folder.free == free


def test_what_a_killed_beginning_left_half_written_is_swept_away(tmp_path: Path) -> None:
    (tmp_path / ".graph.x1y2" / "new").mkdir(parents=True)
    folder = RunFolder(tmp_path)
    folder.create()
    folder.lock()
    with folder.all_or_nothing():
        folder.write("run.json", {})
    folder.unlock()
    assert {path.name for path in tmp_path.iterdir()} == {"models", "lock", "run.json"}


def test_a_folder_of_the_version_before_is_read_and_one_of_a_later_version_refused(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    (tmp_path / "run.json").write_text(json.dumps({"format": 1, "settings": {}}))
    assert folder.read("run.json")["format"] == 1
    assert folder.storage is None  # its trials are in study.sqlite
    (tmp_path / "run.json").write_text(json.dumps({"format": 3, "settings": {}}))
    with pytest.raises(RunError, match="written by another version of KGTuner; start a new run"):
        folder.read("run.json")


def test_two_processes_in_one_folder_are_one_too_many(tmp_path: Path) -> None:
    first, second = RunFolder(tmp_path), RunFolder(tmp_path)
    first.lock()
    with pytest.raises(RunError, match="another process is working in .*; wait for it"):
        second.lock()
    first.unlock()
    second.lock()
    second.unlock()


@pytest.mark.parametrize("storage", [7, [], {"url": "postgresql://h/d"}, "postgresql://h/d"])
def test_a_place_of_trials_that_is_damaged_is_one_sentence(storage: object, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"format": 2, "storage": storage}))
    with pytest.raises(RunError, match=r"run\.json is damaged"):
        RunFolder(tmp_path).open_store()


def test_graphs_of_tasks_have_a_path_that_holds_in_every_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = RunFolder("runs/first")
    assert folder.graph == tmp_path / "runs" / "first" / "graph"
    assert folder.subgraph == tmp_path / "runs" / "first" / "subgraph"
