"""One suite for all executors: a task ends in exactly one answer, a cancelled one in none, and nothing is left over."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import kgtuner as kt
from kgtuner.defaults import default_config
from kgtuner.errors import ConfigError, RunError
from kgtuner.execution.executor import Executor, Job
from kgtuner.execution.executors import EXECUTORS, executor_from
from kgtuner.execution.tasks import Done, Failed, Message, Resources, TrainTask, Validated

PATIENCE = 120.0

NAMES = [
    pytest.param(
        name,
        marks=[
            pytest.mark.slow,
            pytest.mark.skipif(find_spec("ray") is None, reason="needs kgtuner[ray]"),
            pytest.mark.filterwarnings(
                "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
            ),
        ]
        if name == "ray"
        else [],
    )
    for name in EXECUTORS
]


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    entity = np.arange(120)
    parts = [
        np.column_stack([entity, np.full(120, r), (entity + step) % 120]) for r, step in enumerate((1, 3, 7))
    ]
    folder = tmp_path_factory.mktemp("graphs") / "graph"
    kt.KnowledgeGraph.from_arrays(np.concatenate(parts), name="ring", seed=0, leaks="keep").save(folder)
    return folder


@pytest.fixture(params=NAMES)
def executor(request: pytest.FixtureRequest) -> Iterator[Executor]:
    made = EXECUTORS[request.param]()
    yield made
    made.close(kill=True)


def task(graph: Path, steps: int = 5, **settings: float) -> TrainTask:
    config = default_config("distmult").updated(
        {"model.dimension": 16, "training.mode": "negative_sampling", **settings}
    )
    config = config.limited(max_steps=steps, validate_every=max(1, steps // 2))
    mapping = config.to_mapping()
    return TrainTask(graph=graph, config=mapping, seed=0, metric="mrr", device="cpu", threads=1)


def told(executor: Executor, job: Job) -> list[Message]:
    """All that is heard of a job."""
    heard: list[Message] = []
    until = time.monotonic() + PATIENCE
    while not heard or not isinstance(heard[-1], Done | Failed):
        assert time.monotonic() < until
        heard += [message for other, message in executor.wait(0.5) if other is job]
    return heard


def test_a_task_tells_its_validations_and_ends_once(executor: Executor, graph: Path) -> None:
    heard = told(executor, executor.submit(task(graph), Resources()))
    *before, last = heard
    assert isinstance(last, Done), last
    assert last.result["steps"] == 5
    assert before
    assert all(isinstance(message, Validated) for message in before)
    assert executor.wait(0.0) == []


def test_an_error_of_the_task_comes_back_by_its_name_and_the_executor_goes_on(
    executor: Executor, graph: Path
) -> None:
    (failed,) = told(executor, executor.submit(task(graph / "nowhere"), Resources()))
    assert isinstance(failed, Failed)
    assert failed.kind == "DataError"
    assert isinstance(told(executor, executor.submit(task(graph), Resources()))[-1], Done)


def test_a_cancelled_task_is_not_heard_of_again_and_its_slot_is_free(executor: Executor, graph: Path) -> None:
    job = executor.submit(task(graph, steps=1_000_000), Resources())
    executor.cancel(job)
    assert isinstance(told(executor, executor.submit(task(graph), Resources()))[-1], Done)
    assert all(other is not job for other, _ in executor.wait(0.0))


def test_an_executor_can_be_made_again_from_its_description(executor: Executor) -> None:
    again = executor_from(executor.describe())
    assert type(again) is type(executor)
    assert again.describe() == executor.describe()


def test_a_description_of_something_else_is_one_sentence() -> None:
    with pytest.raises(RunError, match="the executor in run.json cannot be made again"):
        executor_from({"name": "local", "wokers": 2})
    with pytest.raises(RunError, match="unknown executor 'slurm'"):
        executor_from({"name": "slurm"})


def workers() -> set[int]:
    return {process.pid or 0 for process in multiprocessing.active_children()}


def test_local_workers_are_gone_after_closing(graph: Path) -> None:
    before = workers()
    executor = kt.Local(2)
    executor.start()
    pids = {slot.pid for slot in executor.health()}
    assert len(pids) == 2
    executor.close()
    assert workers() == before
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid or 0, 0)


@pytest.mark.slow
def test_a_killed_worker_is_one_failure_and_is_replaced(graph: Path) -> None:
    executor = kt.Local()
    try:
        told(executor, executor.submit(task(graph), Resources()))
        job = executor.submit(task(graph, steps=1_000_000), Resources())
        (slot,) = executor.health()
        os.kill(slot.pid or 0, signal.SIGKILL)
        heard = told(executor, job)
        assert isinstance(heard[-1], Failed)
        assert heard[-1].kind == "WorkerDied"
        assert "killed (signal 9)" in heard[-1].message
        (after,) = executor.health()
        assert (after.replaced, after.busy) == (1, False)
        assert isinstance(told(executor, executor.submit(task(graph), Resources()))[-1], Done)
    finally:
        executor.close(kill=True)


@pytest.mark.slow
def test_a_worker_that_is_stopped_counts_as_hanging(graph: Path) -> None:
    executor = kt.Local(silent_after=2.0)
    try:
        told(executor, executor.submit(task(graph), Resources()))
        job = executor.submit(task(graph, steps=1_000_000), Resources())
        (slot,) = executor.health()
        os.kill(slot.pid or 0, signal.SIGSTOP)
        last = told(executor, job)[-1]
        assert isinstance(last, Failed)
        assert (last.kind, "no sign of life" in last.message) == ("Hung", True)
    finally:
        executor.close(kill=True)


def test_devices_are_dealt_out_to_the_workers_in_turn() -> None:
    executor = kt.Local(3, devices=("cuda:0", "cuda:1"))
    assert [slot.place for slot in executor.health()] == [
        "worker 0 on cuda:0",
        "worker 1 on cuda:1",
        "worker 2 on cuda:0",
    ]
    assert kt.Local(devices=("cuda:0", "cuda:1")).slots == 2
    with pytest.raises(ConfigError, match="2 devices need at least as many workers, got 1"):
        kt.Local(1, devices=("cuda:0", "cuda:1"))


@pytest.mark.parametrize("address", ["10.0.0.1", "http://10.0.0.1:80", "a b:1", "ray://h:1", "h:port", ""])
def test_what_is_no_ray_address_is_refused_before_anything_is_asked(address: str) -> None:
    with pytest.raises(ConfigError, match="a Ray address is a host and a port"):
        kt.Ray(address)
