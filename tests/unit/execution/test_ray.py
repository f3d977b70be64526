"""What a Ray cluster has room for, and how its tasks break off, with a cluster that is only said to be there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import kgtuner as kt
from kgtuner.errors import ConfigError
from kgtuner.execution.executor import Job
from kgtuner.execution.ray import SILENT_SECONDS
from kgtuner.execution.tasks import Alive, EvaluateTask, Failed, Resources
from kgtuner.tuning.budget import Budget
from kgtuner.tuning.events import Silent
from kgtuner.tuning.run_folder import RunFolder
from kgtuner.tuning.running import TuningRun
from kgtuner.tuning.settings import TuneSettings

ray = pytest.importorskip("ray")
exceptions = pytest.importorskip("ray.exceptions")


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Options of clusters that were started: each has the CPUs it was started with."""
    asked: list[dict[str, Any]] = []

    def nodes() -> list[dict[str, Any]]:
        return [{"Alive": True, "Resources": {"CPU": float(asked[-1]["num_cpus"])}}]

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", lambda **options: asked.append(options))
    monkeypatch.setattr(ray, "nodes", nodes)
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    return asked


@pytest.fixture
def joined(monkeypatch: pytest.MonkeyPatch, started: list[Any]) -> Callable[..., kt.Ray]:
    """Joins a cluster whose nodes have these CPUs and GPUs."""

    def join(nodes: list[tuple[int, int]], cpus: int, **options: Any) -> kt.Ray:
        told = [{"Alive": True, "Resources": {"CPU": float(c), "GPU": float(g)}} for c, g in nodes]
        monkeypatch.setattr(ray, "nodes", lambda: told)
        monkeypatch.setattr("kgtuner.execution.ray._require_answer", lambda address: None)
        executor = kt.Ray("10.0.0.1:6379", **options)
        executor.cpus = cpus
        executor.start()
        return executor

    return join


def test_a_cluster_of_our_own_has_the_threads_of_all_its_trials(
    started: list[dict[str, Any]], tmp_path: Path
) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.create()
    settings = TuneSettings(models=("complex",), budget=Budget(trials=4), threads=2)
    run = TuningRun(folder, settings, Silent(), executor=kt.Ray(workers=3))
    run.executor.start()
    run.close(kill=True)
    assert started[0]["num_cpus"] == 6
    assert run.executor.slots == 3


def test_a_cluster_has_room_for_whole_trials_on_each_node(joined: Callable[..., kt.Ray]) -> None:
    assert joined([(5, 0), (3, 0)], cpus=2).slots == 3
    assert joined([(8, 1), (8, 2)], cpus=2, gpus=0.5).slots == 6


def test_more_workers_than_fit_are_refused(joined: Callable[..., kt.Ray]) -> None:
    with pytest.raises(
        ConfigError, match=r"^8 workers with 2 CPUs .* has 4 CPUs .* give --workers 2 at most"
    ):
        joined([(4, 0)], cpus=2, workers=8)
    with pytest.raises(ConfigError, match="a trial needs 4 CPUs and 0 GPUs of one node"):
        joined([(2, 0), (2, 0)], cpus=4)


def test_a_node_that_is_lost_later_is_no_reason_to_refuse(
    joined: Callable[..., kt.Ray], monkeypatch: pytest.MonkeyPatch
) -> None:
    executor = joined([(2, 0), (2, 0)], cpus=1, workers=4)
    monkeypatch.setattr(ray, "is_initialized", lambda: True)
    monkeypatch.setattr(ray, "nodes", lambda: [{"Alive": True, "Resources": {"CPU": 2.0}}])
    executor.start()
    assert executor.slots == 4


def test_what_ray_says_when_it_cannot_start_is_one_sentence(
    started: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**options: Any) -> None:
        raise RuntimeError("trouble\nno port is free\n")

    monkeypatch.setattr(ray, "init", refuse)
    with pytest.raises(
        ConfigError, match=r"^no Ray cluster can be started here: RuntimeError: no port is free$"
    ):
        kt.Ray().start()


TASK = EvaluateTask(
    graph=Path("graph"), config={}, device="cpu", threads=1, parameters=Path("model"), split="valid"
)

MISSING = "ModuleNotFoundError: No module named 'kgtuner'"


class FakeClock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def running(monkeypatch: pytest.MonkeyPatch, messages: list[Any]) -> tuple[kt.Ray, Job, FakeClock]:
    """An executor with one task, of which these messages come; an error among them breaks it off."""

    def get(message: Any) -> Any:
        if isinstance(message, Exception):
            raise message
        return message

    stream = iter(messages)
    monkeypatch.setattr(ray, "get", get)
    monkeypatch.setattr(ray, "wait", lambda streams, **options: (streams if messages else [], []))
    monkeypatch.setattr(ray, "cancel", lambda stream, force: None)
    clock = FakeClock()
    executor, job = kt.Ray(clock=clock), Job(TASK, Resources(), "ray")
    executor._streams[stream] = job
    return executor, job, clock


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (exceptions.NodeDiedError("it was unplugged"), "WorkerDied", "the node was lost: it was unplugged"),
        (exceptions.WorkerCrashedError(), "WorkerDied", "the worker was killed or broke down: "),
        (exceptions.OutOfMemoryError("9 of 8 GB"), "OutOfMemory", "Ray stopped the training for want of memory"),
        (
            exceptions.RayTaskError("answers", f"Traceback\n{MISSING}", ImportError()),
            "WorkerDied",
            f"the worker cannot work: {MISSING}",
        ),
        (exceptions.RayError("something else"), "WorkerDied", "something else"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)  # fmt: skip
def test_whatever_breaks_a_task_off_is_one_failure_with_a_reason(
    monkeypatch: pytest.MonkeyPatch, error: Exception, kind: str, said: str
) -> None:
    executor, job, _ = running(monkeypatch, [error])
    ((heard, failed),) = executor.wait(0.0)
    assert heard is job
    assert isinstance(failed, Failed)
    assert failed.kind == kind
    assert failed.message.startswith(said)
    assert not any(slot.busy for slot in executor.health())


def test_a_task_that_goes_silent_on_a_cluster_hangs_and_one_that_still_waits_for_room_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    messages: list[Any] = []
    executor, job, clock = running(monkeypatch, messages)
    clock.now += 10 * SILENT_SECONDS
    assert executor.wait(0.0) == []  # it has not begun
    executor, job, clock = running(monkeypatch, [alive := Alive(1.0, 100.0)])
    assert executor.wait(0.0) == []
    assert executor.health()[0].rss_mb == alive.rss_mb
    monkeypatch.setattr(ray, "wait", lambda streams, **options: ([], []))
    clock.now += SILENT_SECONDS + 1
    ((heard, failed),) = executor.wait(0.0)
    assert heard is job
    assert failed == Failed("Hung", "the worker gave no sign of life for 61 s and was stopped")
    assert not any(slot.busy for slot in executor.health())
