"""The worker process, seen from outside."""

from __future__ import annotations

import multiprocessing
import re
import signal
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from kgtuner.errors import RunError
from kgtuner.execution import local
from kgtuner.execution.executor import Job
from kgtuner.execution.local import GROWTH_MB, STARTS, Local
from kgtuner.execution.local_slot import Slot
from kgtuner.execution.process import Ready
from kgtuner.execution.tasks import Alive, Done, Failed, Message, Resources, TrainTask


def test_a_worker_never_hears_ctrl_c_not_even_while_it_starts() -> None:
    here = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    before = set(multiprocessing.active_children())
    worker = Local()
    worker.start()
    try:
        (process,) = set(multiprocessing.active_children()) - before
        status = Path(f"/proc/{process.pid}/status").read_text()
    finally:
        worker.close(kill=True)
    blocked = re.search(r"^SigBlk:\s*([0-9a-f]+)$", status, re.MULTILINE)
    assert blocked is not None
    assert int(blocked[1], 16) >> (signal.SIGINT - 1) & 1
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == here  # we still hear it


class MadeUp:
    """A `Local` whose worker is the test, which also moves the clock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        self.exit_code = 1
        self.pipes: list[Connection] = []
        monkeypatch.setattr(Slot, "start", lambda slot, serve, now: self._start(slot, now))
        monkeypatch.setattr(Slot, "end", lambda slot: self.exit_code)
        monkeypatch.setattr(Slot, "kill", lambda slot, after=0.0: setattr(slot, "job", None))
        self.local = Local(silent_after=60.0, idle_after=300.0, clock=lambda: self.now)
        self.local.start()

    def _start(self, slot: Slot, now: float) -> None:
        slot.connection, ours = multiprocessing.Pipe()
        self.pipes.append(ours)
        slot.process = multiprocessing.current_process()  # it lives
        slot.ready, slot.last_words = False, ""
        slot.heard = slot.computed_at = now
        slot.cpu_seconds = slot.first_rss_mb = 0.0

    def submit(self) -> Job:
        task = TrainTask(graph=Path("graph"), config={}, seed=0, metric="mrr", device="cpu", threads=1)
        return self.local.submit(task, Resources())

    def says(self, *messages: Message | Ready) -> list[Message]:
        """What is heard when the worker says these, one after the other."""
        heard: list[Message] = []
        for message in messages:
            self.pipes[-1].send(message)
            heard += [answer for _, answer in self.local.wait(0.0)]
        return heard

    def passes(self, seconds: float, *messages: Message, every: float = 1.0) -> list[Message]:
        """What is heard in so many seconds in which we look once in a while and the worker says so each time."""
        heard: list[Message] = []
        until = self.now + seconds
        while self.now < until and not heard:
            self.now += every
            heard += self.says(*messages) if messages else [answer for _, answer in self.local.wait(0.0)]
        return heard


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> Iterator[MadeUp]:
    made = MadeUp(monkeypatch)
    yield made
    for slot, pipe in zip(made.local._slots, made.pipes, strict=False):
        slot.connection.close()
        pipe.close()


def test_a_worker_that_lives_and_computes_nothing_counts_as_hanging_after_five_minutes(
    made_up: MadeUp,
) -> None:
    made_up.says(Ready())
    made_up.submit()
    assert made_up.passes(299.0, Alive(7.0, 50.0)) == []
    (failed,) = made_up.passes(5.0, Alive(7.0, 50.0))
    assert isinstance(failed, Failed)
    assert (failed.kind, "had computed nothing for 30" in failed.message) == ("Hung", True)


def test_a_worker_that_computes_is_never_in_the_way(made_up: MadeUp) -> None:
    made_up.says(Ready())
    made_up.submit()
    for second in range(1_000):
        assert made_up.passes(1.0, Alive(0.5 * second, 50.0)) == []


def test_a_worker_is_not_to_blame_where_nobody_listened(made_up: MadeUp) -> None:
    made_up.says(Ready())
    made_up.submit()
    assert made_up.passes(3_600.0, every=3_600.0) == []  # the machine slept
    assert made_up.passes(59.0) == []
    (failed,) = made_up.passes(5.0)
    assert isinstance(failed, Failed)
    assert "no sign of life for 6" in failed.message


def test_a_worker_that_keeps_a_gigabyte_more_than_after_its_first_task_is_replaced(made_up: MadeUp) -> None:
    made_up.says(Ready())
    for memory, replaced in ((500.0, 0), (400.0 + GROWTH_MB, 0), (501.0 + GROWTH_MB, 1)):
        made_up.submit()
        assert made_up.says(Done({}, memory)) == [Done({}, memory)]
        (slot,) = made_up.local.health()
        assert (slot.replaced, slot.busy) == (replaced, False)


def test_workers_that_do_not_start_are_given_up_and_one_that_does_begins_the_count_anew(
    made_up: MadeUp,
) -> None:
    def dies() -> None:
        made_up.pipes[-1].close()
        made_up.local.wait(0.0)

    for _ in range(STARTS - 1):
        dies()
    made_up.says(Ready())
    dies()  # once it was ready this is no failure to start
    for _ in range(STARTS - 1):
        dies()
    with pytest.raises(RunError, match="no worker can be started: exit code 1; a script that calls kgtuner"):
        dies()


@pytest.mark.parametrize(("kills", "kind"), [([3, 3], "WorkerDied"), ([3, 4], "OutOfMemory")])
def test_a_killed_worker_ran_out_of_memory_where_the_system_counts_one_more(
    kills: list[int], kind: str, made_up: MadeUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_up.says(Ready())
    made_up.exit_code = -9
    monkeypatch.setattr(local, "kills_for_memory", lambda: kills.pop(0))
    made_up.submit()
    made_up.pipes[-1].close()
    ((_, failed),) = made_up.local.wait(0.0)
    assert isinstance(failed, Failed)
    assert failed.kind == kind
