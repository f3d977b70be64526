"""Local workers: what is made of their silence, their growth and their end, and how they start."""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from kgtuner.errors import RunError
from kgtuner.execution import local, memory_events
from kgtuner.execution.local import GROWTH_MB, IDLE_SECONDS, SILENT_SECONDS, STARTING_SECONDS, Local
from kgtuner.execution.memory_events import kills_for_memory
from kgtuner.execution.process import Ready
from kgtuner.execution.tasks import Alive, Done, EvaluateTask, Failed, Message, Resources

TASK = EvaluateTask(
    graph=Path("graph"), config={}, device="cpu", threads=1, parameters=Path("model"), split="valid"
)


class FakeClock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class FakeProcess:
    """A worker that does what the test says: it holds the other end of the pipe."""

    pid = 0

    def __init__(self, *, args: tuple[Connection, int], **options: Any) -> None:
        self.pipe = Connection(os.dup(args[0].fileno()))
        self.exitcode: int | None = None

    def start(self) -> None: ...

    def join(self, timeout: float | None = None) -> None: ...

    def is_alive(self) -> bool:
        return self.exitcode is None

    def kill(self) -> None:
        self.end(-9)

    def end(self, code: int) -> None:
        self.exitcode = code
        self.pipe.close()


class Workers:
    """An executor of one slot, and the processes that were started for it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.started: list[FakeProcess] = []
        monkeypatch.setattr(multiprocessing, "get_context", lambda method: self)
        self.clock = FakeClock()
        self.executor = Local(clock=self.clock)

    Pipe = staticmethod(multiprocessing.Pipe)

    def Process(self, **options: Any) -> FakeProcess:  # noqa: N802 - as multiprocessing has it
        self.started.append(FakeProcess(**options))
        return self.started[-1]

    def submit(self, *, ready: bool = True) -> None:
        self.executor.submit(TASK, Resources())
        if ready:
            self.tell(Ready())

    def tell(self, message: object) -> list[Message]:
        self.started[-1].pipe.send(message)
        return [heard for _, heard in self.executor.wait(0.0)]

    def after(self, seconds: float) -> list[Message]:
        """What is heard after so many seconds, of which the coordinator looks every tenth."""
        heard: list[Message] = []
        until = self.clock.now + seconds
        while self.clock.now < until and not heard:
            self.clock.now += 10.0
            heard += [message for _, message in self.executor.wait(0.0)]
        return heard


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> Workers:
    return Workers(monkeypatch)


def test_a_worker_that_has_started_and_says_nothing_hangs(workers: Workers) -> None:
    workers.submit()
    assert workers.after(SILENT_SECONDS) == []
    (failed,) = workers.after(10.0)
    assert isinstance(failed, Failed)
    assert failed.kind == "Hung"
    assert "no sign of life for 70 s" in failed.message
    assert len(workers.started) == 2  # it was replaced


def test_a_worker_that_still_imports_is_waited_for(workers: Workers) -> None:
    workers.submit(ready=False)
    assert workers.after(STARTING_SECONDS) == []
    (failed,) = workers.after(10.0)
    assert isinstance(failed, Failed)
    assert failed.kind == "Hung"


def test_a_worker_that_lives_and_computes_nothing_hangs(workers: Workers) -> None:
    workers.submit()
    heard: list[Message] = []
    while workers.clock.now < IDLE_SECONDS:  # one that computes is left alone, however long it takes
        workers.clock.now += 20.0
        heard += workers.tell(Alive(cpu_seconds=workers.clock.now, rss_mb=100.0))
    assert heard == []
    computed = workers.clock.now
    while not heard and workers.clock.now < computed + 2 * IDLE_SECONDS:
        workers.clock.now += 20.0
        heard += workers.tell(Alive(cpu_seconds=computed, rss_mb=100.0))
    assert isinstance(heard[0], Failed)
    assert heard[0].kind == "Hung"
    assert "computed nothing for 320 s" in heard[0].message


def test_a_coordinator_that_was_stopped_itself_blames_no_worker(workers: Workers) -> None:
    workers.submit()
    workers.clock.now += 10 * SILENT_SECONDS  # as after Ctrl-Z and fg
    assert workers.executor.wait(0.0) == []


def test_a_worker_whose_memory_grows_is_replaced_between_two_tasks(workers: Workers) -> None:
    for rss, started in ((100.0, 1), (100.0 + GROWTH_MB, 1), (101.0 + GROWTH_MB, 2), (5 * GROWTH_MB, 2)):
        workers.submit(ready=False)
        assert workers.tell(Done({}, rss)) == [Done({}, rss)]  # what it found counts all the same
        assert len(workers.started) == started
    (slot,) = workers.executor.health()
    assert (slot.replaced, slot.busy) == (1, False)


@pytest.mark.parametrize(("kills", "kind"), [(1, "OutOfMemory"), (0, "WorkerDied")])
def test_a_kill_is_for_memory_when_the_system_has_counted_one(
    workers: Workers, monkeypatch: pytest.MonkeyPatch, kills: int, kind: str
) -> None:
    count = 7
    monkeypatch.setattr(local, "kills_for_memory", lambda: count)
    workers.submit()
    count += kills
    workers.started[-1].end(-9)
    ((_, failed),) = workers.executor.wait(0.0)
    assert isinstance(failed, Failed)
    assert failed.kind == kind


def test_a_message_that_broke_off_is_the_end_of_its_worker_alone(workers: Workers) -> None:
    workers.submit()
    workers.started[-1].pipe.send_bytes(b"\x80\x05 half of it")
    ((_, failed),) = workers.executor.wait(0.0)
    assert isinstance(failed, Failed)
    assert failed.kind == "WorkerDied"
    assert "its last message could not be read" in failed.message
    workers.submit()
    assert workers.tell(Done({}, 1.0)) == [Done({}, 1.0)]


def test_kills_for_memory_are_counted_for_the_container_and_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    container, machine = tmp_path / "memory.events", tmp_path / "vmstat"
    patterns = [pattern for _, pattern in memory_events.COUNTERS]
    monkeypatch.setattr(memory_events, "COUNTERS", tuple(zip((container, machine), patterns, strict=True)))
    assert kills_for_memory() == 0  # elsewhere than on Linux
    container.write_text("low 4\noom 9\noom_kill 2\noom_group_kill 8\n")
    machine.write_text("pgfault 77\noom_kill 3\n")
    assert kills_for_memory() == 5


BROKEN = """\
import sys

from kgtuner.execution.process import serve


def broken(connection, parent):
    sys.modules["torch"] = None  # as where it is not installed
    serve(connection, parent)
"""


def test_a_worker_that_cannot_import_says_why_and_ends_the_run_after_three_tries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_worker.py").write_text(BROKEN)
    monkeypatch.syspath_prepend(tmp_path)
    import broken_worker  # type: ignore[import-not-found]

    class Broken(Local):
        def entry(self) -> Callable[[Connection, int], None]:
            entry: Callable[[Connection, int], None] = broken_worker.broken
            return entry

    executor = Broken()
    failed: list[Message] = []

    def submit_for_ever() -> None:
        while True:
            executor.submit(TASK, Resources())
            while not (heard := executor.wait(10.0)):
                pass
            failed.extend(message for _, message in heard)

    with pytest.raises(RunError, match=r"no worker can be started: .*torch.*; a script that calls"):
        submit_for_ever()
    executor.close(kill=True)
    assert [message.kind for message in failed if isinstance(message, Failed)] == ["WorkerDied"] * 2
    assert all("torch" in message.message for message in failed if isinstance(message, Failed))


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
