"""The options that say where trials run."""

from __future__ import annotations

import argparse

import pytest

import kgtuner as kt
from kgtuner.cli.executors import add_executor, executor_of
from kgtuner.errors import ConfigError


def parsed(*options: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_executor(parser)
    return parser.parse_args(options)


def test_without_options_the_run_decides() -> None:
    assert executor_of(parsed()) is None


def test_workers_and_devices_are_local() -> None:
    executor = executor_of(parsed("--workers", "4", "--devices", "cuda:0, cuda:1"))
    assert isinstance(executor, kt.Local)
    assert (executor.slots, executor.devices) == (4, ("cuda:0", "cuda:1"))


def test_an_address_means_ray() -> None:
    executor = executor_of(parsed("--ray-address", "10.0.0.1:6379", "--ray-gpus", "0.5"))
    assert isinstance(executor, kt.Ray)
    assert executor.describe() == {"name": "ray", "address": "10.0.0.1:6379", "workers": None, "gpus": 0.5}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--executor", "ray", "--devices", "cuda:0"], "the executor ray does not take --devices"),
        (["--executor", "inprocess", "--workers", "2"], "the executor inprocess does not take --workers"),
        (["--executor", "local", "--ray-gpus", "1"], "the executor local does not take --ray-gpus"),
    ],
)
def test_options_that_do_not_fit_together_are_refused(options: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        executor_of(parsed(*options))
