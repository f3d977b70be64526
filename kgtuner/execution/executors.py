"""Executors by name. A new one is one file and one line here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kgtuner.errors import ConfigError, RunError
from kgtuner.execution.executor import Executor
from kgtuner.execution.inprocess import InProcess
from kgtuner.execution.local import Local
from kgtuner.execution.ray import Ray
from kgtuner.registry import lookup

EXECUTORS: dict[str, type[Executor]] = {
    "inprocess": InProcess,
    "local": Local,
    "ray": Ray,
}


def executor_from(description: Mapping[str, Any]) -> Executor:
    """What `Executor.describe` gave, made again.

    Raises:
        RunError: when it is not that.
    """
    options = {name: value for name, value in description.items() if name != "name"}
    try:
        return lookup("executor", str(description["name"]), EXECUTORS)(**options)
    except (TypeError, KeyError, ConfigError) as error:
        raise RunError(
            f"the executor in run.json cannot be made again ({error}); give --executor and --workers"
        ) from None
