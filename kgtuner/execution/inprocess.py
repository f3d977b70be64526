"""Trains in the process that asks, for a debugger or a profiler; a crash there ends everything."""

from __future__ import annotations

import time
from collections import deque
from typing import Any, ClassVar

from kgtuner.execution.executor import Executor, Job, SlotHealth
from kgtuner.execution.tasks import Message, Resources, Task
from kgtuner.types import Clock


class InProcess(Executor):
    """One task at a time, in this process and thread: nothing is heard of it before it has ended.

    Args:
        clock: seconds that only grow.
    """

    NAME: ClassVar[str] = "inprocess"

    def __init__(self, *, clock: Clock = time.monotonic) -> None:
        from kgtuner.execution.worker import Worker

        self.clock = clock
        self._worker = Worker()
        self._waiting: deque[Job] = deque()

    def start(self) -> None:
        """Nothing to do."""

    def submit(self, task: Task, resources: Resources) -> Job:
        job = Job(task, resources, "this process")
        self._waiting.append(job)
        return job

    def wait(self, seconds: float) -> list[tuple[Job, Message]]:
        if not self._waiting:
            return []
        job = self._waiting.popleft()
        heard: list[tuple[Job, Message]] = []
        answer = self._worker.answer(job.task, lambda message: heard.append((job, message)))
        return [*heard, (job, answer)]

    def cancel(self, job: Job) -> None:
        if job in self._waiting:
            self._waiting.remove(job)

    def health(self) -> list[SlotHealth]:
        import os

        return [SlotHealth("this process", bool(self._waiting), os.getpid())]

    def close(self, *, kill: bool = False) -> None:
        self._waiting.clear()

    def describe(self) -> dict[str, Any]:
        return {"name": self.NAME}
