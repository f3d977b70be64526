"""A slow or broken observer in its own thread."""

from __future__ import annotations

import threading
import time

import pytest

from kgtuner.tracking.background import InBackground
from kgtuner.tuning.events import Event, Note, RunEnded


class Slow:
    """Waits for leave before it takes the first event."""

    name = "slow"

    def __init__(self, error: Exception | None = None) -> None:
        self.leave = threading.Event()
        self.heard: list[tuple[Event, float]] = []
        self.error = error

    def notify(self, event: Event, elapsed: float, remaining: float | None) -> None:
        self.leave.wait()
        if self.error is not None:
            raise self.error
        self.heard.append((event, elapsed))


def test_whoever_tells_does_not_wait_and_the_order_is_kept() -> None:
    slow = Slow()
    observer = InBackground(slow)
    for second in range(5):
        observer.notify(Note(str(second)), float(second), None)
    assert slow.heard == []  # we are here, and it has taken nothing
    slow.leave.set()
    observer.notify(RunEnded("trials"), 5.0, None)
    assert slow.heard == [*((Note(str(s)), float(s)) for s in range(5)), (RunEnded("trials"), 5.0)]


def test_the_end_of_a_run_waits_only_so_long() -> None:
    slow = Slow()
    observer = InBackground(slow, patience=0.05)
    with pytest.raises(TimeoutError, match=r"not all events were taken within 0\.05 s of the end"):
        observer.notify(RunEnded("trials"), 0.0, None)
    slow.leave.set()


def test_an_error_in_the_thread_is_raised_by_the_next_event() -> None:
    slow = Slow(OSError("server gone"))
    slow.leave.set()
    observer = InBackground(slow)
    observer.notify(Note("one"), 0.0, None)
    for _ in range(1000):
        time.sleep(0.01)
        if not any(thread.name == "kgtuner-slow" for thread in threading.enumerate()):
            break
    with pytest.raises(OSError, match="server gone"):
        observer.notify(Note("two"), 0.0, None)


def test_an_error_at_the_end_is_raised_by_the_end() -> None:
    slow = Slow(OSError("server gone"))
    slow.leave.set()
    with pytest.raises(OSError, match="server gone"):
        InBackground(slow).notify(RunEnded("trials"), 0.0, None)


def test_a_second_sitting_can_follow_the_first() -> None:
    slow = Slow()
    slow.leave.set()
    observer = InBackground(slow)
    for _ in range(2):
        observer.notify(RunEnded("trials"), 0.0, None)
    assert len(slow.heard) == 2
