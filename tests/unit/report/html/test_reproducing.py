"""The command that asks for the same run again."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from kgtuner.cli.executors import executor_of
from kgtuner.cli.main import build_parser
from kgtuner.execution.inprocess import InProcess
from kgtuner.execution.local import Local
from kgtuner.execution.ray import Ray
from kgtuner.report.html.reading import RunReport, read_run
from kgtuner.report.html.reproducing import command_of, reproduce
from kgtuner.tuning.budget import Budget
from kgtuner.tuning.run_folder import RunFolder

NewRun = Callable[..., RunFolder]


def with_settings(report: RunReport, **settings: Any) -> RunReport:
    return dataclasses.replace(report, settings=dataclasses.replace(report.settings, **settings))


@pytest.fixture
def report(new_run: NewRun) -> RunReport:
    return read_run(new_run().path, with_examples=False)


def test_the_command_asks_for_the_same_run_again(new_run: NewRun) -> None:
    folder = new_run(metric="hits_at_10", seed=3)
    assert command_of(read_run(folder.path)) == (
        "kgtuner tune GRAPH --model distmult --trials 6 --seed 3 --metric hits_at_10"
    )


def test_a_command_with_one_stage_has_no_setting_of_the_first(new_run: NewRun) -> None:
    assert command_of(read_run(new_run(two_stages=False).path)).endswith("--seed 0 --one-stage")


@pytest.mark.parametrize(
    "executor",
    [
        InProcess(),
        Local(3),
        Local(devices=["cuda:0", "cuda:1"]),
        Ray("10.0.0.1:6379", workers=4, gpus=0.5),
        Ray(None, workers=2),
    ],
    ids=lambda executor: str(executor.describe()),
)
def test_the_command_makes_the_same_executor_again(report: RunReport, executor: Any) -> None:
    command = command_of(dataclasses.replace(report, executor=executor.describe()))
    again = executor_of(build_parser().parse_args(command.split()[1:]))
    assert again is not None
    assert again.describe() == executor.describe()


def test_one_worker_is_said_under_a_clock_only(report: RunReport) -> None:
    one = dataclasses.replace(report, executor=Local(1).describe())
    assert "--workers" not in command_of(one)  # where trials are counted one is the default
    assert command_of(with_settings(one, budget=Budget(seconds=60.0))).endswith("--workers 1")


def test_what_the_command_cannot_bring_back_is_said(report: RunReport) -> None:
    def limits(shown: RunReport) -> str:
        return str(reproduce(shown)["blocks"][-1]["text"])

    assert "several" not in limits(report)
    assert "try_default=False" not in limits(report)
    assert "several" in limits(dataclasses.replace(report, executor=Local(2).describe()))
    assert "kt.tune(…, try_default=False)" in limits(with_settings(report, try_default=False))
    assert "try_earlier=False" not in limits(report)
    assert "kt.tune(…, try_earlier=False)" in limits(with_settings(report, try_earlier=False))
