"""Trackers by name and place, as `--track` gives them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from kgtuner.errors import ConfigError
from kgtuner.tracking import EXAMPLES, TRACKERS, tracker
from kgtuner.tuning.events import Observer


def test_a_place_may_hold_colons(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[str] = []

    def make(place: str) -> Observer:
        given.append(place)
        raise ConfigError("enough")

    monkeypatch.setitem(TRACKERS, "mlflow", make)
    with pytest.raises(ConfigError, match="enough"):
        tracker("mlflow:http://127.0.0.1:5000")
    assert given == ["http://127.0.0.1:5000"]


def test_an_unknown_tracker_is_answered_with_the_nearest() -> None:
    with pytest.raises(
        ConfigError, match=r"unknown tracker 'mlfow'\. Did you mean 'mlflow'\? Known: tensorboard, mlflow"
    ):
        tracker("mlfow:x")


@pytest.mark.parametrize("name", TRACKERS)
@pytest.mark.parametrize("rest", ["", ":"])
def test_a_missing_place_is_a_sentence_with_an_example(name: str, rest: str) -> None:
    with pytest.raises(ConfigError) as caught:
        tracker(name + rest)
    assert str(caught.value) == (
        f"tracker {name!r} needs a place behind a colon, as in {EXAMPLES[name]}; got {name + rest!r}"
    )


@pytest.mark.parametrize(
    ("name", "module"), [("tensorboard", "torch.utils.tensorboard"), ("mlflow", "mlflow")]
)
def test_a_missing_extra_is_a_sentence_with_the_command(
    name: str, module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)  # as if it were not installed
    with pytest.raises(ConfigError) as caught:
        tracker(f"{name}:{tmp_path / 'place'}")
    title = {"tensorboard": "TensorBoard", "mlflow": "MLflow"}[name]
    assert str(caught.value) == (
        f"tracking with {title} needs {module}, which is not installed; "
        f"get it by: pip install 'kgtuner[{name}]'"
    )
    assert not (tmp_path / "place").exists()
