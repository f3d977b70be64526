"""What an executor is: something that takes tasks, runs some of them at a time, and tells what became of them."""

from __future__ import annotations

import abc
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from kgtuner import errors
from kgtuner.errors import KGTunerError, TrialFailed
from kgtuner.execution.tasks import Done, Failed, Message, Resources, Task
from kgtuner.types import Clock

POLL = 0.1
"""Seconds between looks at tasks that run."""


@dataclass(eq=False)
class Job:
    """A task that was submitted. Compared by identity: the same task may be submitted twice.

    Attributes:
        place: where it runs, in words, once that is known.
    """

    task: Task
    resources: Resources
    place: str = field(default="")


@dataclass(frozen=True)
class SlotHealth:
    """How one slot stands.

    Attributes:
        place: where it is, in words.
        busy: whether it runs a task.
        pid: of its process, None where there is none or it is not known.
        rss_mb: memory of its process as last told, in MB.
        silent_for: seconds since its last sign of life.
        replaced: how often its process was replaced by a new one.
    """

    place: str
    busy: bool
    pid: int | None = None
    rss_mb: float = 0.0
    silent_for: float = 0.0
    replaced: int = 0


class Executor(abc.ABC):
    """Runs tasks in `slots` places at once; a task handed over beyond that is an error of the caller.

    One thread uses it. A task ends in exactly one `Done` or `Failed`, unless it is cancelled: then nothing more is
    heard of it. A process, a machine or a network that goes away is a `Failed` of kind "WorkerDied", one that gives
    no sign of life of kind "Hung"; who runs the task again, and how often, is up to the caller.

    Attributes:
        slots: how many tasks run at once.
        cpus: CPU threads that one task will ask for, told before `start`; a cluster has room accordingly.
        here: whether tasks take memory of this machine.
        clock: seconds that only grow.
    """

    slots: int = 1
    cpus: int = 1
    here: bool = True
    clock: Clock = staticmethod(time.monotonic)

    @abc.abstractmethod
    def start(self) -> None:
        """Get ready, without waiting for it; `submit` does so too if nobody has.

        Raises:
            ConfigError: when what was asked for is not there.
        """

    @abc.abstractmethod
    def submit(self, task: Task, resources: Resources) -> Job:
        """Hand over a task."""

    @abc.abstractmethod
    def wait(self, seconds: float) -> list[tuple[Job, Message]]:
        """What was heard, at once if there is something, else after so many seconds at most.

        Raises:
            RunError: when no task can be run any more, e.g. because no worker starts.
        """

    @abc.abstractmethod
    def cancel(self, job: Job) -> None:
        """Stop a task at once and free its slot; nothing more is heard of it."""

    @abc.abstractmethod
    def health(self) -> list[SlotHealth]:
        """One for each slot."""

    @abc.abstractmethod
    def close(self, *, kill: bool = False) -> None:
        """Stop everything; with `kill` without waiting for what runs. It may be started again."""

    @abc.abstractmethod
    def describe(self) -> dict[str, Any]:
        """Name and options as plain values, for the record and to make it again."""

    def run(self, task: Task, resources: Resources, *, on_wait: Callable[[], None]) -> dict[str, Any]:
        """Run one task to its end while no other runs; `on_wait` is called many times a second.

        Raises:
            KGTunerError: what the task raised.
        """
        job = self.submit(task, resources)
        while True:
            for heard, message in self.wait(POLL):
                if heard is not job:
                    continue
                if isinstance(message, Done):
                    return message.result
                if isinstance(message, Failed):
                    raise error_of(message)
            on_wait()


def error_of(message: Failed) -> KGTunerError:
    """What a task raised, as one of our errors; a bug is a failed trial with its traceback as a note."""
    kind = getattr(errors, message.kind, None) if message.kind else None
    if isinstance(kind, type) and issubclass(kind, KGTunerError):
        return kind(message.message)
    last_line = message.message.strip().splitlines()[-1] if message.message.strip() else "no message"
    failed = TrialFailed(f"an unexpected error in the training: {last_line}")
    failed.add_note(message.message)
    return failed
