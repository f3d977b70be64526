"""`kgtuner tune --track` and `kgtuner dashboard`, with what they start replaced."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kgtuner.api import training, tuning
from kgtuner.cli.main import main
from kgtuner.tracking import TRACKERS, dashboard
from kgtuner.tuning.events import Event


class Watching:
    def __init__(self, place: str) -> None:
        self.place = place

    def notify(self, event: Event, elapsed: float, remaining: float | None) -> None:
        """Nothing is told here."""


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Any]:
    """The observers that a tuning or a resumption was started with."""
    observers: list[Any] = []

    def start(what: str, *, observer: Any, **settings: Any) -> Any:
        observers.append(observer)
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    for name in TRACKERS:
        monkeypatch.setitem(TRACKERS, name, Watching)
    monkeypatch.setattr(tuning, "tune", start)
    monkeypatch.setattr(tuning, "resume", start)
    monkeypatch.setattr(training, "train", start)
    return observers


def test_trackers_are_told_beside_the_display(given: list[Any]) -> None:
    assert main(["tune", "world", "--track", "tensorboard:tb", "--track", "mlflow:http://host:5000"]) == 130
    (observers,) = given
    assert [observer.place for observer in observers[1:]] == ["tb", "http://host:5000"]


def test_a_resumed_run_can_be_tracked_too(given: list[Any]) -> None:
    Path("run").mkdir()
    Path("run/run.json").write_text("{}")
    assert main(["tune", "--resume", "run", "--track", "tensorboard:tb"]) == 130
    assert [observer.place for observer in given[0][1:]] == ["tb"]


def test_a_single_training_can_be_tracked(given: list[Any]) -> None:
    assert main(["train", "world", "--track", "tensorboard:tb", "--track", "mlflow:x"]) == 130
    assert [observer.place for observer in given[0]] == ["tb", "x"]


def test_a_wrong_tracker_is_told_before_anything_starts(
    given: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tune", "world", "--track", "tensorbord:tb"]) == 2
    assert given == []
    assert "unknown tracker 'tensorbord'. Did you mean 'tensorboard'?" in capsys.readouterr().err


def test_the_dashboard_prints_its_address_and_ends_well(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def serve(output: str, port: int, on_ready: Callable[[str], None]) -> str:
        on_ready(f"http://127.0.0.1:{port}/")
        return f"http://127.0.0.1:{port}/"

    monkeypatch.setattr(dashboard, "serve", serve)
    assert main(["dashboard", "runs/x", "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"run": "runs/x", "address": "http://127.0.0.1:8080/"}
    assert captured.err == "http://127.0.0.1:8080/ shows runs/x; Ctrl-C ends\n"


@pytest.mark.parametrize("port", ["65536", "-1", "http"])
def test_a_port_is_a_number_that_a_port_can_have(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dashboard", "runs/x", "--port", port]) == 2
    assert "--port" in capsys.readouterr().err
