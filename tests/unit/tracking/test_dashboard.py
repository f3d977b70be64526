"""The dashboard's copy of a study, and what it answers. optuna-dashboard comes with kgtuner[dashboard]."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from kgtuner.errors import ConfigError, RunError
from kgtuner.execution.storage import TrialStore, finish
from kgtuner.search.samplers import SAMPLERS
from kgtuner.space.loading import load_space
from kgtuner.tracking.dashboard import COPY_EVERY, ReadOnly, StudyCopy, copy_study, serve
from kgtuner.tuning.run_folder import RunFolder

WRITER = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("PRAGMA journal_mode=WAL")
connection.execute("CREATE TABLE facts (number)")
connection.execute("INSERT INTO facts VALUES (1)")
connection.commit()
os._exit(9)
"""


def facts(database: Path) -> list[int]:
    with closing(sqlite3.connect(database)) as connection:
        return [number for (number,) in connection.execute("SELECT number FROM facts ORDER BY number")]


def content(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir() if p.is_file()}


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A database as a run leaves it: written ahead, and closed."""
    (tmp_path / "a run?").mkdir()
    path = tmp_path / "a run?" / "study.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE facts (number)")
        connection.execute("INSERT INTO facts VALUES (1)")
        connection.commit()
    return path


# ----------------------------------------------------------------------- copy


def test_a_copy_has_it_all_and_leaves_the_run_folder_as_it_was(study: Path, tmp_path: Path) -> None:
    before = content(study.parent)
    copy_study(study, tmp_path / "copy.sqlite")
    assert facts(tmp_path / "copy.sqlite") == [1]
    assert content(study.parent) == before


def test_a_run_that_is_writing_is_neither_waited_for_nor_made_to_wait(study: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(study, timeout=0)) as writer:  # timeout 0: it complains at once
        writer.execute("INSERT INTO facts VALUES (2)")
        writer.commit()
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("INSERT INTO facts VALUES (3)")
        copy_study(study, tmp_path / "copy.sqlite")
        assert facts(tmp_path / "copy.sqlite") == [1, 2]  # what is committed, from the log too
        writer.commit()
        assert writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0  # nobody holds anything
    assert facts(study) == [1, 2, 3]


def test_what_a_killed_run_left_in_its_log_is_in_the_copy(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    study = folder / "study.sqlite"
    subprocess.run([sys.executable, "-c", WRITER, str(study)], check=False)
    assert (folder / "study.sqlite-wal").stat().st_size > 0
    before = content(folder)
    copy_study(study, tmp_path / "copy.sqlite")
    assert facts(tmp_path / "copy.sqlite") == [1]
    after = content(folder)
    assert set(after) == set(before)
    assert {name: after[name] for name in ("study.sqlite", "study.sqlite-wal")} == {
        name: before[name] for name in ("study.sqlite", "study.sqlite-wal")
    }


def test_the_copy_follows_the_study_now_and_then(study: Path, tmp_path: Path) -> None:
    now = 0.0
    copy = StudyCopy(study, tmp_path / "copy.sqlite", clock=lambda: now)
    with (
        closing(sqlite3.connect(copy.target)) as reader,  # the dashboard keeps the copy open
        closing(sqlite3.connect(study)) as writer,
    ):
        assert reader.execute("SELECT count(*) FROM facts").fetchone() == (1,)
        writer.execute("INSERT INTO facts VALUES (2)")
        writer.commit()
        copy.follow()
        assert facts(copy.target) == [1]  # too early
        now = COPY_EVERY
        copy.follow()
        assert facts(copy.target) == [1, 2]
        assert reader.execute("SELECT count(*) FROM facts").fetchone() == (2,)


def test_the_last_copy_stays_when_the_run_folder_goes_away(study: Path, tmp_path: Path) -> None:
    now = 0.0
    copy = StudyCopy(study, tmp_path / "copy.sqlite", clock=lambda: now)
    study.unlink()
    now = COPY_EVERY
    copy.follow()
    assert facts(copy.target) == [1]
    assert not study.exists()  # nor is an empty one made by looking


# ---------------------------------------------------------------------- answers


def answer(method: str, host: str, path: str = "/api/studies") -> tuple[str, int]:
    """The status, and how often the copy was asked to follow."""
    statuses, followed = [], []

    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [b"the dashboard"]

    def start_response(status: str, headers: Any, error: Any = None) -> Any:
        statuses.append(status)

    environ = {"REQUEST_METHOD": method, "HTTP_HOST": host, "PATH_INFO": path}
    list(ReadOnly(app, lambda: followed.append(1))(environ, start_response))
    return statuses[0], len(followed)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_nothing_can_be_changed(method: str) -> None:
    assert answer(method, "127.0.0.1:8080") == ("403 Forbidden", 0)


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:8080", ""])
def test_a_page_from_elsewhere_cannot_read(host: str) -> None:
    assert answer("GET", host) == ("403 Forbidden", 0)


def test_data_is_fresh_and_pictures_cost_nothing() -> None:
    assert answer("GET", "localhost:8080") == ("200 OK", 1)
    assert answer("GET", "127.0.0.1:8080", "/static/bundle.js") == ("200 OK", 0)


# ---------------------------------------------------------------- before it starts


def test_a_missing_extra_is_a_sentence_with_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "optuna_dashboard", None)
    with pytest.raises(ConfigError) as caught:
        serve(tmp_path, 0, print)
    assert str(caught.value) == (
        "kgtuner dashboard needs optuna_dashboard, which is not installed; "
        "get it by: pip install 'kgtuner[dashboard]'"
    )


@pytest.mark.parametrize(
    ("record", "sentence"),
    [
        (None, "is not a run folder: run.json is missing"),
        ({"kind": "train"}, "is a single training, which has no study; give the folder of a tuning"),
        ({"kind": "tune"}, "has no trials yet; wait for the first, or: kgtuner tune --resume"),
        (
            {"kind": "tune", "storage": {"url": "postgresql://me@host:5432/trials", "run": "a"}},
            r"lie in postgresql://me@host:5432/trials; look at them by: "
            r"optuna-dashboard postgresql\+psycopg://me@host:5432/trials$",
        ),
    ],
)
def test_a_folder_without_a_study_is_a_sentence(
    record: dict[str, Any] | None, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "optuna_dashboard", sys)  # not needed to get this far
    if record is not None:
        RunFolder(tmp_path).write("run.json", record)
    with pytest.raises(RunError, match=sentence):
        serve(tmp_path, 0, print)


# ------------------------------------------------------------------- for real


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A run folder with one finished trial."""
    folder = RunFolder(tmp_path / "run")
    folder.create()
    folder.write("run.json", {"kind": "tune"})
    store = TrialStore(folder.study)
    add_trial(store, 0.25)
    store.close()
    return folder


def add_trial(store: TrialStore, value: float) -> None:
    study = store.study("full", SAMPLERS["random"](load_space("reduced", ["complex"]), seed=0))
    trial = study.ask()
    finish(study, trial, value, {"seconds": 1.0})


@pytest.fixture
def served(run: RunFolder, tmp_path: Path) -> Iterator[tuple[str, Any]]:
    pytest.importorskip("optuna_dashboard", reason="optuna-dashboard comes with kgtuner[dashboard]")
    command = [sys.executable, "-m", "kgtuner.cli.main", "dashboard", str(run.path), "--port", "0", "--json"]
    (tmp_path / "temporary").mkdir()
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path / "temporary")},
        # A shell ignores Ctrl-C for what it starts in the background, these tests perhaps.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        found = re.match(r"(http://127\.0\.0\.1:\d+/) shows .*run; Ctrl-C ends$", line)
        assert found, line + process.stderr.read()
        yield found.group(1), process
    finally:
        process.kill()
        process.communicate()


def fetch(address: str, method: str = "GET") -> Any:
    with urlopen(Request(address, method=method), timeout=30) as reply:
        return reply.read()


@pytest.mark.peer
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_browser_sees_the_trials_of_a_run_that_goes_on_and_ctrl_c_ends(
    number: signal.Signals, served: tuple[str, Any], run: RunFolder, tmp_path: Path
) -> None:
    address, process = served
    before = content(run.path)
    assert b"<title>Optuna Dashboard</title>" in fetch(address)
    (study,) = json.loads(fetch(f"{address}api/studies"))["study_summaries"]
    assert study["study_name"] == "full"
    detail = f"{address}api/studies/{study['study_id']}?after=0"
    assert [trial["values"] for trial in json.loads(fetch(detail))["trials"]] == [[0.25]]
    with pytest.raises(HTTPError, match="403"):
        fetch(f"{address}api/studies/{study['study_id']}", "DELETE")
    assert content(run.path) == before
    store = TrialStore(run.study)  # the run goes on
    add_trial(store, 0.5)
    for _ in range(60):
        values = [trial["values"] for trial in json.loads(fetch(detail))["trials"]]
        if len(values) == 2:
            break
        threading.Event().wait(0.25)
    store.close()
    assert values == [[0.25], [0.5]]
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0
    assert json.loads(out) == {"run": str(run.path), "address": address}
    assert err == ""
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.peer
def test_a_port_that_is_taken_is_a_sentence(served: tuple[str, Any], run: RunFolder) -> None:
    port = int(served[0].rstrip("/").rpartition(":")[2])
    with pytest.raises(
        ConfigError, match=rf"cannot listen on 127\.0\.0\.1:{port} \(Address already in use\); choose"
    ):
        serve(run.path, port, print)
