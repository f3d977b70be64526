"""One place where a local worker runs: its process, its pipe, and what is known of it."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from kgtuner.execution.executor import Job

METHOD = "spawn"
"""A forked process would have our threads' locks and open files; benchmarks fork where they start thousands."""


class Slot:
    """A slot of `Local`; the process in it may be replaced, the slot stays.

    Attributes:
        device: what its tasks run on, None for what the task says.
        process, connection: None and closed while nothing runs.
        ready: whether the process has said that it has started.
        job: what it works on.
        heard: when it last gave a sign of life; computed_at: when it had last computed something.
        cpu_seconds, rss_mb: as last told; first_rss_mb: after its first task.
        failed_starts: processes in a row that ended before they were ready.
        kills_before: see `kills_for_memory`, when the job began.
        last_words: why it could not start, where it said so.
        replaced: how often there was a new process.
    """

    def __init__(self, number: int, device: str | None) -> None:
        self.number = number
        self.device = device
        self.process: BaseProcess | None = None
        self.connection: Connection
        self.job: Job | None = None
        self.heard = self.computed_at = 0.0
        self.rss_mb = 0.0
        self.failed_starts = self.replaced = self.kills_before = 0

    def __str__(self) -> str:
        where = f" on {self.device}" if self.device else ""
        return f"worker {self.number}{where}"

    def start(self, serve: Callable[[Connection, int], None], now: float) -> None:
        """Start the process; importing torch there takes a second or two."""
        context: Any = multiprocessing.get_context(METHOD)
        self.connection, theirs = context.Pipe()
        self.process = context.Process(
            target=serve, args=(theirs, os.getpid()), daemon=True, name=f"kgtuner-worker-{self.number}"
        )
        with _unheard_by_children():
            self.process.start()
        theirs.close()
        self.ready = False
        self.heard = self.computed_at = now
        self.cpu_seconds = self.first_rss_mb = 0.0
        self.last_words = ""

    def ask_to_end(self) -> None:
        if self.process is not None:
            with suppress(OSError):  # it has ended
                self.connection.send(None)

    def end(self) -> int | None:
        """Take away a process whose pipe is closed; its exit code."""
        process = self.process
        self.kill(after=5.0)
        return process.exitcode if process is not None else None

    def kill(self, *, after: float = 0.0) -> None:
        """Take away the process, by force if it does not end within so many seconds."""
        process, self.process, self.job = self.process, None, None
        if process is None:
            return
        if after:
            process.join(after)
        if process.is_alive():
            process.kill()
        process.join()
        self.connection.close()


@contextmanager
def _unheard_by_children() -> Iterator[None]:
    """Start processes that never see Ctrl-C, which reaches the whole group; here it counts a moment later.

    A worker that ignores it once it runs would still answer with a traceback while it imports.
    """
    resource_tracker.ensure_running()  # started in here it would unblock the signal
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
