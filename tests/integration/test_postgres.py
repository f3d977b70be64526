"""A real PostgreSQL server, where Debian's package is installed: one coordinator a run, and a server that is killed."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from threading import Timer

import optuna
import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.faulty.postgres import Postgres, binaries
from kgtuner.errors import RunError
from kgtuner.execution.storage import TrialStore, finish

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(binaries() is None, reason="needs Debian's package postgresql"),
    pytest.mark.skipif(find_spec("psycopg") is None, reason="needs kgtuner[postgres]"),
]


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    made = Postgres()
    yield made
    made.close()


def test_a_second_coordinator_of_a_run_is_refused_and_one_of_another_run_is_not(server: Postgres) -> None:
    first, other = TrialStore(server.url, "first"), TrialStore(server.url, "other")
    first.hold()
    other.hold()
    second = TrialStore(server.url, "first")
    with pytest.raises(RunError, match="another process is working on this run in .*; wait for it or choose"):
        second.hold()
    first.close()
    third = TrialStore(server.url, "first")
    third.hold()  # its place is free again
    third.close()
    other.close()


def test_trials_survive_a_server_that_is_killed_and_comes_back(server: Postgres) -> None:
    store = TrialStore(server.url, "killed")
    study = store.study("full", optuna.samplers.RandomSampler(seed=0))
    trial = study.ask()
    value = trial.suggest_float("x", 0.0, 1.0)
    finish(study, trial, 0.5, {"seconds": 1.0})
    server.kill()
    back = Timer(2.0, server.start)
    back.start()
    began = time.monotonic()
    later = study.ask()  # waits until it is back
    assert time.monotonic() - began > 1.0
    back.join()
    finish(study, later, 0.25, {"seconds": 2.0})
    store.close()
    store = TrialStore(server.url, "killed")
    kept = store.trials("full")
    store.close()
    assert [(t.value, t.params) for t in kept if t.value is not None] == [(0.5, {"x": value}), (0.25, {})]
