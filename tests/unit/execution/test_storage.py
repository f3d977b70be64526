"""The database of a run."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import optuna
import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError, PendingRollbackError

from kgtuner.errors import ConfigError, RunError
from kgtuner.execution.storage import (
    PATIENCE,
    RESULT,
    TrialStore,
    drop_waiting,
    finish,
    patiently,
    postgres_url,
    requeue_interrupted,
    storage_errors,
    value_of,
)
from kgtuner.types import INTERRUPTED


def test_a_finished_trial_survives_a_power_cut(tmp_path: Path) -> None:
    store = TrialStore(tmp_path / "study.sqlite")
    with store._storage.engine.connect() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 2  # FULL: each commit is on disk
    store.close()


def test_keeping_a_result_twice_is_keeping_it_once(tmp_path: Path) -> None:
    store = TrialStore(tmp_path / "study.sqlite")
    study = store.study("full", optuna.samplers.RandomSampler(seed=0))
    trial = study.ask()
    finish(study, trial, 0.5, {"steps": 1})
    finish(study, trial, 0.5, {"steps": 1})  # the connection broke after the first was kept
    assert [t.value for t in store.trials("full")] == [0.5]
    store.close()


class Broken:
    """Raises so many times before it answers."""

    def __init__(self, times: int, told: str) -> None:
        self.left, self.told, self.slept = times, told, 0.0

    def __call__(self) -> str:
        if self.left:
            self.left -= 1
            raise OperationalError("SELECT 1", {}, sqlite3.OperationalError(self.told))
        return "answer"

    def sleep(self, seconds: float) -> None:
        self.slept += seconds

    def clock(self) -> float:
        return self.slept


def test_a_database_that_is_locked_or_away_is_asked_again() -> None:
    broken = Broken(5, "database is locked")
    assert patiently(broken, clock=broken.clock, sleep=broken.sleep) == "answer"
    assert broken.slept == 5.0


def test_a_database_that_stays_away_is_given_up_and_told_in_one_sentence() -> None:
    broken = Broken(1_000, "could not connect to server: Connection refused")
    with (
        pytest.raises(RunError, match="cannot use postgresql://h/d: .*Connection refused"),
        storage_errors("postgresql://h/d"),
    ):
        patiently(broken, clock=broken.clock, sleep=broken.sleep)
    assert broken.slept == pytest.approx(PATIENCE)


def test_what_a_statement_contains_is_not_taken_for_what_the_database_said() -> None:
    gone = OperationalError("SELECT", {"study_name": "full"}, sqlite3.OperationalError("server closed"))
    with pytest.raises(RunError, match="^cannot use here: server closed$"), storage_errors("here"):
        raise gone


def test_a_broken_transaction_on_the_study_called_full_is_no_full_disk() -> None:
    broken = PendingRollbackError(
        "Can't reconnect until invalid transaction is rolled back. [SQL: SELECT] [parameters: {'name': 'run/full'}]"
    )
    with pytest.raises(RunError, match="^cannot use here: Can't reconnect"), storage_errors("here"):
        raise broken


@pytest.mark.parametrize(
    "told",
    [
        "database or disk is full",
        'could not extend file "base/1/2": No space left on device',
        "could not write to file: disk full",
    ],
)
def test_a_full_disk_is_told_as_one(told: str) -> None:
    full = OperationalError("INSERT", {}, sqlite3.OperationalError(told))
    with pytest.raises(RunError, match="the disk is full; free some space"), storage_errors("here"):
        raise full


@pytest.mark.parametrize("told", ["database or disk is full", "database disk image is malformed"])
def test_what_does_not_pass_is_not_waited_for(told: str) -> None:
    broken = Broken(1, told)
    with pytest.raises(OperationalError):
        patiently(broken, clock=broken.clock, sleep=broken.sleep)
    assert broken.slept == 0.0


@pytest.mark.parametrize(
    "given",
    ["mysql://host/d", "postgresql://host", "sqlite:///x", "nonsense", "", "postgresql://h:port/d", "a\0b"],
)
def test_what_is_no_database_of_postgresql_is_refused(given: str) -> None:
    with pytest.raises(ConfigError, match="must be the URL of a PostgreSQL database"):
        postgres_url(given)


def test_a_password_is_refused_and_not_repeated() -> None:
    with pytest.raises(ConfigError, match="must not hold a password") as caught:
        postgres_url("postgresql://me:secret@host/d")
    assert "secret" not in str(caught.value)


@pytest.fixture
def garbage() -> Any:
    """A server that answers every connection with the same nonsense."""
    import socketserver
    import threading

    class Nonsense(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.sendall(b"\xff\x00nonsense<script>" * 100)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Nonsense) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def test_a_server_that_answers_garbage_is_one_sentence(garbage: int) -> None:
    pytest.importorskip("psycopg", reason="needs kgtuner[postgres]")
    with pytest.raises(RunError, match=r"^cannot use postgresql://127.0.0.1:\d+/d: [^\n]+$"):
        TrialStore(f"postgresql://127.0.0.1:{garbage}/d", "mark")


def test_what_runs_is_on_disk_once_it_is_handed_out(tmp_path: Path) -> None:
    store, sampler = TrialStore(tmp_path / "study.sqlite"), optuna.samplers.RandomSampler(seed=0)
    trial = store.study("full", sampler).ask()
    value = trial.suggest_float("x", 0.0, 1.0)
    trial.set_user_attr("pair", (1, 2))
    assert [t.params for t in store.trials("full")] == [{"x": value}]
    store.flush()
    other = TrialStore(tmp_path / "study.sqlite")  # after a kill: what this one had in memory is gone
    (kept,) = other.trials("full")
    assert (kept.state.name, kept.params, kept.user_attrs) == ("RUNNING", {"x": value}, {"pair": [1, 2]})
    store.close()
    other.close()


def test_a_configuration_put_in_line_is_not_lost_by_a_kill_before_it_is_handed_out(tmp_path: Path) -> None:
    store, sampler = TrialStore(tmp_path / "study.sqlite"), optuna.samplers.RandomSampler(seed=0)
    study = store.study("full", sampler)
    study.enqueue_trial({"x": 0.25})
    study.ask().suggest_float("x", 0.0, 1.0)
    store.close()
    store = TrialStore(tmp_path / "study.sqlite")
    study = store.study("full", sampler)
    assert requeue_interrupted(study) == 1
    assert study.ask().suggest_float("x", 0.0, 1.0) == 0.25
    store.close()


def test_a_trial_that_does_run_is_not_made_again(tmp_path: Path) -> None:
    store = TrialStore(tmp_path / "study.sqlite")
    study = store.study("full", optuna.samplers.RandomSampler(seed=0))
    for value in (0.25, 0.75):
        study.enqueue_trial({"x": value})
        study.ask().suggest_float("x", 0.0, 1.0)
    assert requeue_interrupted(study, but={0}) == 1
    states = [(t.state.name, t.params.get("x")) for t in store.trials("full")[:2]]
    assert states == [("RUNNING", 0.25), ("FAIL", 0.75)]
    assert study.ask().suggest_float("x", 0.0, 1.0) == 0.75
    store.close()


def test_a_trial_begun_twice_because_an_answer_was_lost_is_seen(tmp_path: Path) -> None:
    store = TrialStore(tmp_path / "study.sqlite")
    study = store.study("full", optuna.samplers.RandomSampler(seed=0))
    study.ask()
    store._storage._create_new_trial(study._study_id)  # made, and nobody was told
    study.ask()
    assert [(t.number, t.state.name) for t in store.trials("full")] == [(n, "RUNNING") for n in range(3)]
    store.close()


def test_a_result_is_on_disk_with_the_end_of_its_trial_or_not_at_all(tmp_path: Path) -> None:
    store, sampler = TrialStore(tmp_path / "study.sqlite"), optuna.samplers.RandomSampler(seed=0)
    study = store.study("full", sampler)
    study.ask().suggest_float("x", 0.0, 1.0)
    store.flush()
    trial = optuna.trial.Trial(study, store.trials("full")[0]._trial_id)
    trial.set_user_attr(RESULT, {"seconds": 1.0})  # and killed before it could be told
    (kept,) = TrialStore(tmp_path / "study.sqlite").trials("full")
    assert kept.user_attrs == {}
    finish(study, trial, 0.5, {"seconds": 1.0})
    (kept,) = TrialStore(tmp_path / "study.sqlite").trials("full")
    assert (kept.value, kept.user_attrs) == (0.5, {RESULT: {"seconds": 1.0}})


def test_a_trial_that_is_made_again_has_what_it_was_given_and_nothing_that_came_of_it(tmp_path: Path) -> None:
    store, sampler = TrialStore(tmp_path / "study.sqlite"), optuna.samplers.RandomSampler(seed=0)
    study = store.study("full", sampler)
    trial = study.ask()
    trial.suggest_float("x", 0.0, 1.0)
    for name, value in (("planned", {"a": 1}), (RESULT, {"seconds": 1.0}), ("reason", "x"), ("message", "y")):
        trial.set_user_attr(name, value)
    assert requeue_interrupted(study) == 1
    assert store.trials("full")[1].user_attrs == {"planned": {"a": 1}}


def test_trials_that_do_run_are_not_taken_for_interrupted_ones(tmp_path: Path) -> None:
    store, sampler = TrialStore(tmp_path / "study.sqlite"), optuna.samplers.RandomSampler(seed=0)
    study = store.study("full", sampler)
    drawn = [study.ask().suggest_float("x", 0.0, 1.0) for _ in range(3)]
    assert requeue_interrupted(study, {0, 2}) == 1
    assert [t.state.name for t in store.trials("full")] == ["RUNNING", "FAIL", "RUNNING", "WAITING"]
    assert study.ask().suggest_float("x", 0.0, 1.0) == drawn[1]
    store.close()


def test_what_waits_and_is_too_late_is_closed_as_interrupted(tmp_path: Path) -> None:
    store, sampler = TrialStore(tmp_path / "study.sqlite"), optuna.samplers.RandomSampler(seed=0)
    study = store.study("full", sampler)
    for value in (0.25, 0.5):
        study.enqueue_trial({"x": value})
    drop_waiting(study)
    trials = store.trials("full")
    assert [t.state.name for t in trials] == ["FAIL", "FAIL"]
    assert all(t.user_attrs[INTERRUPTED] for t in trials)  # no failures of their configurations
    store.close()


def test_a_value_that_is_not_finite_is_none() -> None:
    assert value_of(optuna.trial.create_trial(value=0.5)) == 0.5
    assert value_of(optuna.trial.create_trial(value=float("inf"))) is None
    assert value_of(optuna.trial.create_trial(state=optuna.trial.TrialState.FAIL)) is None
