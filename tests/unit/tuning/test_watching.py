"""Observers that fail, and those beside them."""

from __future__ import annotations

from pathlib import Path

import pytest

from kgtuner.tuning.budget import Budget
from kgtuner.tuning.events import Event, Note
from kgtuner.tuning.run_folder import RunFolder
from kgtuner.tuning.running import TuningRun
from kgtuner.tuning.settings import TuneSettings
from kgtuner.tuning.watching import Watchers, as_observers


class Watching:
    def __init__(self) -> None:
        self.heard: list[str] = []

    def notify(self, event: Event, elapsed: float, remaining: float | None) -> None:
        assert isinstance(event, Note)
        self.heard.append(event.message)


class Broken:
    name = "a tracker"

    def __init__(self, error: BaseException) -> None:
        self.error = error
        self.asked = 0

    def notify(self, event: Event, elapsed: float, remaining: float | None) -> None:
        self.asked += 1
        raise self.error


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path / "run")
    folder.create()
    return folder


def test_an_observer_that_raises_is_told_no_more_and_the_others_hear_of_it(folder: RunFolder) -> None:
    broken, watching = Broken(OSError(28, "No space left on device")), Watching()
    settings = TuneSettings(models=("complex",), budget=Budget(trials=4))
    run = TuningRun(folder, settings, [broken, watching])
    try:
        run.note("one")
        run.note("two")
    finally:
        run.close(kill=True)
    assert broken.asked == 1
    assert watching.heard == [
        "one",
        "a tracker failed and is told no more; the run goes on (OSError: [Errno 28] No space left on device)",
        "two",
    ]
    log = folder.log.read_text()
    assert "Traceback (most recent call last)" in log
    assert "a tracker failed and is told no more" in log


def test_two_that_fail_at_once_cost_a_note_each() -> None:
    watchers = Watchers([Broken(ValueError("x")), Broken(KeyError())])
    assert [left.message.partition(" (")[2] for left in watchers.tell(Note(""), 0.0, None)] == [
        "ValueError: x)",
        "KeyError)",
    ]
    assert watchers.tell(Note(""), 0.0, None) == []


def test_a_long_complaint_is_cut_and_kept_on_one_line() -> None:
    (left,) = Watchers([Broken(ValueError("line\n" * 1000))]).tell(Note(""), 0.0, None)
    assert "\n" not in left.message
    assert len(left.message) < 500


def test_whoever_watches_can_still_end_the_run() -> None:
    with pytest.raises(KeyboardInterrupt):
        Watchers([Broken(KeyboardInterrupt())]).tell(Note(""), 0.0, None)


def test_none_one_or_several_observers_can_be_given() -> None:
    one, two = Watching(), Watching()
    assert as_observers(None) == []
    assert as_observers(one) == [one]
    assert as_observers((one, two)) == [one, two]
