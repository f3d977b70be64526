"""Observers that keep what happens in a run where other tools show it: CSV, TensorBoard, MLflow.

`kgtuner.tuning.events` has the protocol and the events. A tracker is any object with that one method, so a new
one is a file here and a line in `TRACKERS`; a user's own is an argument: `kgtuner.tune(observer=…)`.
"""

from __future__ import annotations

from collections.abc import Callable

from kgtuner.errors import ConfigError
from kgtuner.registry import lookup
from kgtuner.tracking.mlflow import mlflow_tracker
from kgtuner.tracking.tensorboard import TensorBoardTracker
from kgtuner.tuning.events import Observer

TRACKERS: dict[str, Callable[[str], Observer]] = {
    "tensorboard": TensorBoardTracker,
    "mlflow": mlflow_tracker,
}

EXAMPLES = {"tensorboard": "tensorboard:runs/tensorboard", "mlflow": "mlflow:sqlite:///mlflow.db"}


def tracker(spec: str) -> Observer:
    """The tracker that a name and a place ask for, such as `tensorboard:DIR` or `mlflow:URI`.

    Raises:
        ConfigError: for an unknown name, a missing place, or an extra that is not installed.
    """
    name, _, place = spec.partition(":")
    make = lookup("tracker", name, TRACKERS)
    if not place:
        raise ConfigError(
            f"tracker {name!r} needs a place behind a colon, as in {EXAMPLES[name]}; got {spec!r}"
        )
    return make(place)
