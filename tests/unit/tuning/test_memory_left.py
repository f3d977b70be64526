"""What another training may take: what is free, less what those that run have yet to take, on each device."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import optuna
import pytest

from kgtuner.defaults import default_config
from kgtuner.execution.executor import Job
from kgtuner.execution.inprocess import InProcess
from kgtuner.execution.local import Local
from kgtuner.execution.tasks import Resources, TrainTask
from kgtuner.tuning import available, memory_left
from kgtuner.tuning.memory_left import MemoryLeft
from kgtuner.tuning.raising import GraphSize, estimated_bytes
from kgtuner.tuning.under_way import StagePlan, UnderWay

SIZE = GraphSize(6, 1, 6)
CONFIG = default_config("complex")
TAKES = estimated_bytes(CONFIG, SIZE)


class Elsewhere(InProcess):
    """Trains on other machines, as far as anybody asks."""

    here = False


def under_way(device: str, *, validated: bool, tables_on: str = "device") -> UnderWay:
    """A training of `TAKES` bytes that runs on a device."""
    study = optuna.create_study()
    plan = StagePlan("full", Path("graph"), None, 4, 1, SIZE)
    config = CONFIG.updated({"training.tables_on": tables_on})
    found = UnderWay.starting(plan, study, study.ask(), config, None, 0.0)
    found.validated = validated
    task = TrainTask(graph=plan.graph, config={}, seed=0, metric="mrr", device=device, threads=1)
    found.job = Job(task, Resources())
    return found


def test_what_runs_is_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    class Host:
        available = 1e9

    monkeypatch.setattr(available.psutil, "virtual_memory", Host)
    monkeypatch.setattr(available, "container_room", lambda cgroup: None)
    monkeypatch.delenv("KGTUNER_MEMORY", raising=False)
    idle = MemoryLeft(Local(workers=4), "cpu", [])
    assert idle.share() == 1e9 / 4
    busy = replace(idle, under_way=[under_way("cpu", validated=v) for v in (True, True, False)])
    assert busy.share() == (1e9 + 2 * TAKES) / 4  # of what is free the third has yet to take its own
    assert busy.free() == 1e9 - TAKES
    monkeypatch.setenv("KGTUNER_MEMORY", "500M")
    assert busy.share() == 5e8 / 4
    assert busy.free() == 5e8 - 3 * TAKES


def test_each_device_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    free = {"cuda:0": 8e9, "cuda:1": 4e9}
    monkeypatch.setattr(
        memory_left, "free_memory", lambda device, yet_to_take=0.0, planned=0.0: free[device] - yet_to_take
    )
    executor = Local(workers=3, devices=("cuda:0", "cuda:1"))  # two slots on the first
    idle = MemoryLeft(executor, "cuda", [])
    assert idle.share() == 4e9
    free["cuda:0"] = 7e9
    assert idle.share() == 3.5e9
    assert idle.free() == 4e9
    one = replace(idle, under_way=[under_way("cuda:1", validated=False)])
    assert one.share() == 3.5e9
    assert one.free() == 7e9  # the second is in use
    both = replace(one, under_way=[*one.under_way, under_way("cuda:0", validated=False)])
    assert both.free() == 7e9 - TAKES


def test_tables_beside_a_gpu_take_of_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[dict[str, float]] = []

    def free(device: str, **taken: float) -> float:
        given.append(taken)
        return {"cpu": 6e9, "cuda": 1e9}[device]

    monkeypatch.setattr(memory_left, "free_memory", free)
    running = [
        under_way("cuda", validated=False, tables_on="host"),
        under_way("cuda", validated=True, tables_on="host"),
        under_way("cuda", validated=False),
    ]
    left = MemoryLeft(Local(workers=3), "cuda", running)
    assert left.on_host() == 6e9
    assert 0 < 2 * given[0]["yet_to_take"] == given[0]["planned"]  # of the two that have tables there
    assert left.share_on_host() == 2e9
    for computed_here in (replace(left, device="cpu"), MemoryLeft(Elsewhere(), "cuda", [])):
        assert computed_here.on_host() is None
        assert computed_here.share_on_host() is None


def test_other_machines_are_not_ours_to_measure() -> None:
    assert MemoryLeft(Elsewhere(), "cpu", []).free() == math.inf
