"""Worker processes on this machine: one for each slot, each with its own pipe, replaced one by one."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from typing import Any, ClassVar

from kgtuner.errors import ConfigError, RunError
from kgtuner.execution.executor import Executor, Job, SlotHealth
from kgtuner.execution.local_slot import Slot
from kgtuner.execution.memory_events import kills_for_memory
from kgtuner.execution.process import CannotStart, Ready, serve
from kgtuner.execution.tasks import Alive, Done, Failed, Message, Resources, Task
from kgtuner.types import Clock

SILENT_SECONDS = 60.0
"""Without a sign of life for so long a worker counts as hanging."""

STARTING_SECONDS = 300.0
"""And so does one that has not got ready for so long: it imports, perhaps from a slow file system."""

IDLE_SECONDS = 300.0
"""And so does one that lives and has not computed for so long: it waits for something that does not come."""

COMPUTING = 0.01
"""Share of one core above which a process counts as computing."""

GROWTH_MB = 1024.0
"""A process is replaced once it keeps so much more memory between two tasks than after its first one."""

STARTS = 3
"""Failures to start, one after the other, after which no worker is expected to start any more."""


class Local(Executor):
    """Trains in processes of this machine, as many at once as there are workers.

    Args:
        workers: processes; None for one, or one for each device.
        devices: such as ("cuda:0", "cuda:1"), dealt out to the workers in turn; without any the run's device is used.
        silent_after, idle_after: seconds after which a worker that has started counts as hanging: without a sign of
            life, and without having computed.
        clock: seconds that only grow.

    Raises:
        ConfigError: for a number of workers that cannot be.
    """

    NAME: ClassVar[str] = "local"

    def __init__(
        self,
        workers: int | None = None,
        *,
        devices: Sequence[str] = (),
        silent_after: float = SILENT_SECONDS,
        idle_after: float = IDLE_SECONDS,
        clock: Clock = time.monotonic,
    ) -> None:
        if workers is not None and workers < 1:
            raise ConfigError(f"workers must be at least 1, got {workers}")
        if workers is not None and workers < len(devices):
            raise ConfigError(
                f"{len(devices)} devices need at least as many workers, got {workers}; leave out some devices"
            )
        self.slots = workers or max(1, len(devices))
        self.devices = tuple(devices)
        self.silent_after = silent_after
        self.idle_after = idle_after
        self.clock = clock
        self._slots = [Slot(number, self._device(number)) for number in range(self.slots)]
        self._looked = clock()

    def _device(self, number: int) -> str | None:
        return self.devices[number % len(self.devices)] if self.devices else None

    def entry(self) -> Callable[[Connection, int], None]:
        """What a worker process runs: a function of a module."""
        return serve

    def start(self) -> None:
        for slot in self._slots:
            if slot.process is None:
                slot.start(self.entry(), self.clock())

    def submit(self, task: Task, resources: Resources) -> Job:
        slot = next(slot for slot in self._slots if slot.job is None)
        if slot.process is None or not slot.process.is_alive():
            slot.kill()
            slot.start(self.entry(), self.clock())
        if slot.device is not None:
            task = replace(task, device=slot.device)
        slot.job = job = Job(task, resources, str(slot))
        slot.heard = slot.computed_at = self.clock()
        slot.kills_before = kills_for_memory()
        with suppress(OSError):  # it has died just now, which `wait` will tell
            slot.connection.send(task)
        return job

    def wait(self, seconds: float) -> list[tuple[Job, Message]]:
        now = self.clock()
        if now - self._looked > self.silent_after / 2:  # we were stopped, or busy: so they are not to blame
            for slot in self._slots:
                slot.heard += now - self._looked
                slot.computed_at += now - self._looked
        self._looked = now
        open_pipes = {slot.connection: slot for slot in self._slots if slot.process is not None}
        found: list[tuple[Job, Message]] = []
        for connection in wait(list(open_pipes), timeout=seconds):
            assert isinstance(connection, Connection)
            found += self._heard(open_pipes[connection])
        for slot in self._slots:
            if (silence := self._silence(slot)) and slot.job is not None:
                found.append((slot.job, Failed("Hung", silence)))
                self._replace(slot)
        return found

    def _heard(self, slot: Slot) -> list[tuple[Job, Message]]:
        """One message of a worker, or its end."""
        try:
            message = slot.connection.recv()
        except (EOFError, OSError):
            return self._died(slot)
        except Exception as error:  # a half-written message of a killed process can be any nonsense
            slot.last_words = f"its last message could not be read ({type(error).__name__})"
            return self._died(slot)
        slot.heard = self.clock()
        job = slot.job
        if isinstance(message, Ready):
            slot.failed_starts = 0
            slot.ready = True
        elif isinstance(message, CannotStart):
            slot.last_words = message.message
        elif isinstance(message, Alive):
            if message.cpu_seconds - slot.cpu_seconds > COMPUTING:
                slot.computed_at, slot.cpu_seconds = slot.heard, message.cpu_seconds
            slot.rss_mb = message.rss_mb
        elif job is not None:
            if isinstance(message, Done | Failed):
                slot.job = None
                if isinstance(message, Done):
                    slot.rss_mb = message.rss_mb
                    slot.first_rss_mb = slot.first_rss_mb or message.rss_mb
                    if message.rss_mb > slot.first_rss_mb + GROWTH_MB:
                        self._replace(slot)
            return [(job, message)]
        return []

    def _died(self, slot: Slot) -> list[tuple[Job, Message]]:
        job, ready, said = slot.job, slot.ready, slot.last_words  # a new process has said nothing yet
        code = slot.end()
        if not ready:
            slot.failed_starts += 1
            if slot.failed_starts >= STARTS:
                raise RunError(
                    f"no worker can be started: {said or f'exit code {code}'}; a script that calls "
                    'kgtuner needs `if __name__ == "__main__":` around the call'
                )
        slot.replaced += 1
        slot.start(self.entry(), self.clock())
        if job is None:
            return []
        if said:
            return [(job, Failed("WorkerDied", f"the worker ended unexpectedly: {said}"))]
        if code == -9 and kills_for_memory() > slot.kills_before:
            return [
                (job, Failed("OutOfMemory", "the system killed the worker for want of memory (signal 9)"))
            ]
        if code == -9:
            how = "the worker was killed (signal 9), most often because the machine ran out of memory"
        else:
            how = f"the worker ended unexpectedly with exit code {code}"
        return [(job, Failed("WorkerDied", how))]

    def _silence(self, slot: Slot) -> str:
        """Why a busy worker counts as hanging, empty if it does not."""
        if slot.job is None:
            return ""
        now = self.clock()
        patience = self.silent_after if slot.ready else max(self.silent_after, STARTING_SECONDS)
        if now - slot.heard > patience:
            return f"the worker gave no sign of life for {now - slot.heard:.0f} s and was stopped"
        if slot.ready and now - slot.computed_at > self.idle_after:
            return f"the worker had computed nothing for {now - slot.computed_at:.0f} s and was stopped"
        return ""

    def _replace(self, slot: Slot) -> None:
        slot.kill()
        slot.replaced += 1
        slot.start(self.entry(), self.clock())

    def cancel(self, job: Job) -> None:
        for slot in self._slots:
            if slot.job is job:
                self._replace(slot)

    def health(self) -> list[SlotHealth]:
        now = self.clock()
        return [
            SlotHealth(
                place=str(slot),
                busy=slot.job is not None,
                pid=None if slot.process is None else slot.process.pid,
                rss_mb=slot.rss_mb,
                silent_for=now - slot.heard,
                replaced=slot.replaced,
            )
            for slot in self._slots
        ]

    def close(self, *, kill: bool = False) -> None:
        if not kill:
            for slot in self._slots:
                slot.ask_to_end()
        for slot in self._slots:
            slot.kill(after=0.0 if kill else 5.0)

    def describe(self) -> dict[str, Any]:
        return {"name": self.NAME, "workers": self.slots, "devices": list(self.devices)}
