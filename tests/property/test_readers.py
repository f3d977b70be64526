"""Whatever a file holds, its reader gives a value or one of our errors: no other exception, and no code that runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import kgtuner as kt
from kgtuner.config import TrialConfig
from kgtuner.defaults import default_config
from kgtuner.errors import KGTunerError
from kgtuner.execution.executors import executor_from
from kgtuner.experiment import prepare
from kgtuner.parts import check
from kgtuner.space.loading import load_space
from kgtuner.training.checkpoint import load_checkpoint, save_checkpoint, trained_seconds
from kgtuner.tuning.run_folder import RunFolder
from kgtuner.tuning.settings import TuneSettings

LOOKS = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=8,
)
SETTINGS = {"models": ["complex"], "budget": {"trials": 4}, "seed": 0, "threads": None, "space": "broad"}


def refused_or_read(read: Any, *given: Any) -> None:
    try:
        read(*given)
    except KGTunerError as error:
        assert str(error).strip()  # noqa: PT017 - either is right


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A small graph, a trainer on it, and what both look like on disk."""
    entity = np.arange(24)
    rows = [np.column_stack([entity, np.full(24, r), (entity + step) % 24]) for r, step in enumerate((1, 3))]
    graph = kt.KnowledgeGraph.from_arrays(np.concatenate(rows), name="ring", seed=0, leaks="keep")
    folder = tmp_path_factory.mktemp("made")
    graph.save(folder / "graph")
    trainer, identity = prepare(default_config("distmult").updated({"model.dimension": 4}), graph)
    save_checkpoint(folder / "whole.safetensors", trainer, identity)
    return folder, trainer, identity


def changed(whole: bytes, place: int, new: bytes, cut: int) -> bytes:
    """A file with some bytes replaced, and its end cut off."""
    place %= len(whole)
    data = whole[:place] + new + whole[place + len(new) :]
    return data[: len(data) - cut % len(data)] if cut else data


CHANGES = (st.integers(0, 10_000), st.binary(max_size=12), st.integers(0, 400))


@LOOKS
@given(*CHANGES)
@example(60, b"*38", 0)
@example(0, b"PK\x03\x04", 0)  # a zip file's first bytes
def test_a_saved_graph(made: Any, place: int, new: bytes, cut: int) -> None:
    folder, _, _ = made
    for name in ("train.npy", "header.json", "entities.offsets.npy"):
        path = folder / "graph" / name
        whole = path.read_bytes()
        try:
            path.write_bytes(changed(whole, place, new, cut))
            refused_or_read(kt.KnowledgeGraph.load, folder / "graph")
        finally:
            path.write_bytes(whole)


@LOOKS
@given(*CHANGES)
def test_a_checkpoint(made: Any, place: int, new: bytes, cut: int) -> None:
    folder, trainer, identity = made
    path = folder / "changed.safetensors"
    path.write_bytes(changed((folder / "whole.safetensors").read_bytes(), place, new, cut))
    refused_or_read(load_checkpoint, path, trainer, identity)
    assert trained_seconds(path) >= 0 or trained_seconds(path) != trained_seconds(path)


@LOOKS
@given(name=st.sampled_from(sorted(SETTINGS)), value=PLAIN)
def test_the_settings_of_a_run(tmp_path: Path, name: str, value: Any) -> None:
    folder = RunFolder(tmp_path)
    (tmp_path / "run.json").write_text(json.dumps({"format": 2, "settings": {**SETTINGS, name: value}}))
    refused_or_read(lambda: TuneSettings.from_mapping(folder.read("run.json")["settings"]))


@LOOKS
@given(st.binary(max_size=200) | PLAIN.map(lambda value: json.dumps(value).encode()))
def test_a_json_file_of_a_run_folder(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "run.json").write_bytes(data)
    refused_or_read(RunFolder(tmp_path).read, "run.json")


@LOOKS
@given(PLAIN)
def test_where_trials_of_a_run_are_kept_and_ran(tmp_path: Path, value: Any) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"format": 2, "storage": value}))
    refused_or_read(lambda: RunFolder(tmp_path).storage)
    if isinstance(value, dict):
        refused_or_read(executor_from, value)


@LOOKS
@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
@example(b"a: &a [*a, *a]\n")
@example(b"!!python/object/apply:os.system ['echo hello']\n")
@example(b"a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: [*c, *c]\n")
@example(b"model: {name: !!binary aGVsbG8=}\n")
def test_yaml(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "some.yaml"
    path.write_bytes(data)
    refused_or_read(lambda: check(TrialConfig.load(path)))
    refused_or_read(load_space, str(path), ("complex",))


@LOOKS
@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
@example(b"a\tr\tb\n" * 3 + b"\xff\xfe\t\n")
@example(b"=cmd|' /C calc'!A0\tr\t<script>\n../../x\tr\t\x1b[31m\n")
@example(b"a" * 5000 + b"\tr\tb\n")
def test_triples(tmp_path: Path, data: bytes) -> None:
    for name in ("triples.tsv", "triples.csv"):
        path = tmp_path / name
        path.write_bytes(data)
        refused_or_read(kt.KnowledgeGraph.from_path, path)
