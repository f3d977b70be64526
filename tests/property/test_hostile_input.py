"""Files, names and addresses from elsewhere: each is read as it is or refused in one sentence; nothing of it is run.

What a reader of one kind of file refuses is tested beside that reader; here is what concerns several of them.
"""

from __future__ import annotations

import contextlib
import gzip
import os
import shutil
import socketserver
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

import kgtuner as kt
from kgtuner.analysis.trials import read_trials
from kgtuner.config import TrialConfig
from kgtuner.defaults import default_config
from kgtuner.errors import ConfigError, DataError, KGTunerError, RunError
from kgtuner.execution import ray, storage
from kgtuner.execution.storage import TrialStore
from kgtuner.experiment import prepare
from kgtuner.graph import text_blocks
from kgtuner.graph.ogb import layout
from kgtuner.prediction.triple_files import read_questions
from kgtuner.training.checkpoint import load_checkpoint, trained_seconds
from kgtuner.tuning.run_folder import RunFolder, default_place

NAMES = [
    "=cmd|' /C calc'!A0", "+1", "-2+3", "@SUM(1)", "<script>alert(1)</script>", "../../etc/passwd", "\x1b[2Jx",
    "a\u202eb", "/a/b", "'q", "{{7*7}}", *(f"e{i}" for i in range(14)),
]  # fmt: skip
DEEP = "[" * 100_000


def refused(kind: type[KGTunerError], read: Callable[[], Any]) -> str:
    """The one sentence with which something is refused, which takes seconds at most."""
    began = time.monotonic()
    with pytest.raises(kind) as caught:
        read()
    assert time.monotonic() - began < 20
    sentence = str(caught.value)
    assert sentence.strip()
    assert "\n" not in sentence
    return sentence


@pytest.fixture(scope="module")
def graph() -> kt.KnowledgeGraph:
    entity = np.arange(len(NAMES))
    rows = [
        np.column_stack([entity, np.full(len(NAMES), r), (entity + step) % len(NAMES)])
        for r, step in enumerate((1, 3))
    ]
    graph = kt.KnowledgeGraph.from_arrays(np.concatenate(rows), name="ring", seed=0, leaks="keep")
    return kt.KnowledgeGraph("ring", NAMES, ["=R()", "../r"], graph.train, graph.valid, graph.test)


def test_json_that_is_nested_without_end_is_refused_wherever_it_is_read(
    graph: kt.KnowledgeGraph, tmp_path: Path
) -> None:
    graph.save(tmp_path / "graph")
    (tmp_path / "graph" / "header.json").write_text(DEEP)
    assert "no saved graph" in refused(DataError, lambda: kt.KnowledgeGraph.load(tmp_path / "graph"))
    (tmp_path / "run.json").write_text(DEEP)
    assert "is damaged" in refused(RunError, lambda: RunFolder(tmp_path).read("run.json"))
    trainer, identity = prepare(default_config("distmult").updated({"model.dimension": 4}), graph)
    path = tmp_path / "deep.safetensors"
    save_file({"a": np.zeros(1, np.float32)}, path, metadata={"kgtuner": DEEP})
    assert "not a readable checkpoint" in refused(RunError, lambda: load_checkpoint(path, trainer, identity))
    assert trained_seconds(path) == 0.0


def test_a_checkpoint_that_is_not_ours_is_refused_and_nothing_in_it_is_run(
    graph: kt.KnowledgeGraph, tmp_path: Path
) -> None:
    class Runs:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(tmp_path / "ran"),)

    trainer, identity = prepare(default_config("distmult").updated({"model.dimension": 4}), graph)
    pickled, foreign, claim = (tmp_path / f"{name}.safetensors" for name in ("pickled", "foreign", "claim"))
    torch.save({"model": Runs()}, pickled)
    save_file({"weight": np.zeros((3, 3), np.float32)}, foreign, metadata={"format": "pt"})
    claim.write_bytes((1 << 62).to_bytes(8, "little") + b"{}")  # a header of four exabytes
    for path in (pickled, foreign, claim):
        assert "checkpoint" in refused(RunError, lambda path=path: load_checkpoint(path, trainer, identity))
        assert trained_seconds(path) == 0.0
    assert not (tmp_path / "ran").exists()


@given(
    st.text(max_size=300) | st.sampled_from(["../../x", "/etc/x", "..", ".", "", "a\0b", "\ud800", "é" * 300])
)
def test_a_folder_named_after_a_graph_lies_below_runs(name: str) -> None:
    place = default_place(name, ["complex"])
    assert place.parent == Path("runs")
    assert place.name.endswith("-complex")
    assert not place.name.startswith(".")
    assert len(os.fsencode(place.name)) < 255
    assert b"\0" not in os.fsencode(place.name)


def test_an_ordinary_name_becomes_that_folder() -> None:
    assert default_place("wn18rr", ["complex", "rotate"]) == Path("runs/wn18rr-complex-rotate")
    assert default_place("Zürich v1.2", ["transe"]) == Path("runs/Zürich v1.2-transe")


@pytest.mark.parametrize(
    "suffix", [".csv", ".csv.gz", ".csv.zip", ".csv.xz", ".csv.bz2", ".csv.tar", ".csv.zst"]
)
@pytest.mark.parametrize(
    "content", [b"", b"\x1f\x8b123", b"\xff\xfea\0", b'"', b"PK\x03\x04zzz", b"a,b\n1,2,3,4\n1,2\n\0"]
)
def test_a_table_of_trials_is_never_unpacked(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"trials{suffix}"
    path.write_bytes(content)
    assert str(path) in refused(DataError, lambda: read_trials(path))


def test_bombs_in_the_lists_of_an_ogb_folder_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "names.csv.gz"
    path.write_bytes(gzip.compress(b"id,name\n0," + b"x" * 10_000_000 + b"\n", 1))
    assert "more than 1,000,000 bytes in one line" in refused(DataError, lambda: layout.names_in(path, 1))
    monkeypatch.setattr(text_blocks, "largest_unpacked", lambda: 8_000_000)
    path.write_bytes(gzip.compress(b'id,name\n0,"' + b"x\n" * 1_000_000, 1))  # a quote that never ends
    assert "unpacks to more than 1,000,000 bytes" in refused(DataError, lambda: layout.names_in(path, 1))
    path.write_bytes(gzip.compress("id,name\n0,Zürich\n".encode("latin-1")))
    refused(DataError, lambda: layout.names_in(path, 1))
    path.write_bytes(gzip.compress("id,name\r\n1,b\r\n0,Zürich\r\n".encode()))
    assert layout.names_in(path, 2) == ["Zürich", "b"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"head,relation,tail\n" + b"x" * 10_000_000 + b",r,\n", "field larger than field limit"),
        ("head,relation,tail\nZürich,r,\n".encode("utf-16"), "expected UTF-8 text"),
        ("head,relation,tail\nZürich,r,\n".encode("latin-1"), "expected UTF-8 text"),
    ],
)
def test_questions_in_a_file_that_cannot_be_read_are_refused(
    graph: kt.KnowledgeGraph, tmp_path: Path, content: bytes, said: str
) -> None:
    path = tmp_path / "questions.csv"
    path.write_bytes(content)
    assert said in refused(DataError, lambda: read_questions(path, graph))


@pytest.mark.parametrize(
    "content",
    [b"a: " + b"x" * 10_000_000, DEEP.encode(), "a: Zürich".encode("utf-16"), b"!!python/name:os.system {}", b"\0"],
    ids=["10 MB", "deep", "utf-16", "python", "NUL"],
)  # fmt: skip
def test_a_configuration_that_is_not_ours_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(content)
    refused(ConfigError, lambda: TrialConfig.load(path))


@pytest.fixture
def address() -> Iterator[Callable[[bytes], int]]:
    """Makes servers that send the same to everybody and then wait, by their ports."""
    servers = []
    over = threading.Event()

    def serve(answer: bytes) -> int:
        class Answers(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                self.request.sendall(answer)
                over.wait(60)

        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Answers)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        servers.append(server)
        return int(server.server_address[1])

    yield serve
    over.set()
    for server in servers:
        server.shutdown()
        server.server_close()


GARBAGE = b"\xff\x00<script>\x1b[2J" * 100


@pytest.mark.parametrize("answer", [GARBAGE, b"HTTP/1.1 200 OK\r\n\r\n<html>", b"E" + b"\xff" * 40, b""])
def test_a_database_that_answers_garbage_or_nothing_is_refused_in_seconds(
    address: Callable[[bytes], int], answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("psycopg", reason="needs kgtuner[postgres]")
    monkeypatch.setattr(storage, "PATIENCE", 0.0)  # it is asked again for so long
    monkeypatch.setitem(storage.POSTGRES, "connect_timeout", 2)
    place = f"postgresql://127.0.0.1:{address(answer)}/d"
    assert refused(RunError, lambda: TrialStore(place, "mark")).startswith(f"cannot use {place}: ")


@pytest.mark.slow
@pytest.mark.parametrize("answer", [GARBAGE, b""])
def test_a_ray_address_that_answers_garbage_or_nothing_is_refused(
    address: Callable[[bytes], int], answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray", reason="needs kgtuner[ray]")
    monkeypatch.setattr(ray, "ANSWER_SECONDS", 15.0)
    place = f"127.0.0.1:{address(answer)}"
    assert refused(ConfigError, kt.Ray(place).start).startswith(f"no Ray cluster answers at {place}")


DAMAGE = [
    """UPDATE trial_user_attributes SET value_json = '{'""",
    """UPDATE trial_user_attributes SET value_json = '"x"'""",
    """UPDATE trial_user_attributes SET value_json = '{"seconds": "=1+1"}'""",
    f"UPDATE trial_user_attributes SET value_json = '{DEEP}'",
    """UPDATE trial_params SET distribution_json = '{}'""",
    """UPDATE trial_params SET distribution_json = '{"name": "os.system", "attributes": {}}'""",
    """UPDATE trials SET state = 'EVIL'""",
    """UPDATE trial_values SET value = 'abc'""",
]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with one finished trial."""
    path = tmp_path_factory.mktemp("kept") / "study.sqlite"
    store = TrialStore(path)
    study = store.study("full", optuna.samplers.RandomSampler(seed=0))
    trial = study.ask()
    trial.suggest_float("x", 0.0, 1.0)
    storage.finish(study, trial, 0.5, {"seconds": 1.0})
    store.close()
    return path


@pytest.mark.parametrize("statement", DAMAGE, ids=lambda statement: statement[:60])
def test_a_database_of_trials_that_no_run_has_written_is_refused(
    kept: Path, tmp_path: Path, statement: str
) -> None:
    path = tmp_path / "study.sqlite"
    shutil.copyfile(kept, path)
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute(statement)
        database.commit()
    assert str(path) in refused(RunError, lambda: TrialStore(path).trials("full"))
    assert str(path) in refused(
        RunError, lambda: TrialStore(path).study("full", optuna.samplers.RandomSampler(seed=0))
    )
