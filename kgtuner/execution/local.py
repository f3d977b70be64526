"""One worker process on this machine, with its own pipe, replaced when it dies."""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from typing import Any

from kgtuner import errors
from kgtuner.errors import KGTunerError, TrialFailed, WorkerDied
from kgtuner.execution.tasks import Done, Failed, Task, Validated
from kgtuner.types import Clock

POLL = 0.1
"""Seconds between looks at the worker while it is busy."""


class LocalWorker:
    """Runs tasks in a spawned process, so that a crash or an out-of-memory kill takes one trial along.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._context = multiprocessing.get_context("spawn")
        self._process: multiprocessing.process.BaseProcess | None = None

    def start(self) -> None:
        """Start the process if none runs; importing torch there takes a second or two."""
        if self._process is not None and self._process.is_alive():
            return
        from kgtuner.execution.worker import serve

        self._connection, theirs = self._context.Pipe()
        self._process = self._context.Process(
            target=serve, args=(theirs,), daemon=True, name="kgtuner-worker"
        )
        with _unheard_by_children():
            self._process.start()
        theirs.close()

    def run(
        self,
        task: Task,
        *,
        on_validation: Callable[[Validated], None] = lambda message: None,
        on_wait: Callable[[], None] = lambda: None,
        give_up_after: float | None = None,
    ) -> dict[str, Any]:
        """Run one task to its end.

        Args:
            on_validation: called with each validation of a training.
            on_wait: called many times a second while waiting.
            give_up_after: seconds after which the worker counts as hanging and is killed.

        Raises:
            WorkerDied: when the process was killed, by whomever, or did not answer in time.
            KGTunerError: what the task itself raised.
        """
        self.start()
        began = self._clock()
        try:
            self._connection.send(task)
            while True:
                while not self._connection.poll(POLL):
                    on_wait()
                    if give_up_after is not None and self._clock() - began > give_up_after:
                        self.stop(kill=True)
                        raise WorkerDied(
                            f"the training did not end within {give_up_after:.0f} s and was stopped"
                        )
                message = self._connection.recv()
                if isinstance(message, Validated):
                    on_validation(message)
                elif isinstance(message, Done):
                    return message.result
                elif isinstance(message, Failed):
                    raise _error(message)
        except (EOFError, ConnectionError):
            raise WorkerDied(self._cause_of_death()) from None

    def stop(self, *, kill: bool = False) -> None:
        """End the process; with `kill` without waiting for what it does."""
        process, self._process = self._process, None
        if process is None:
            return
        if kill:
            process.kill()
        else:
            try:
                self._connection.send(None)
            except (BrokenPipeError, OSError):
                process.kill()
            process.join(5)
            if process.is_alive():
                process.kill()
        process.join()
        self._connection.close()

    def _cause_of_death(self) -> str:
        process, self._process = self._process, None
        if process is None:
            return "the worker was stopped"
        process.join(5)
        code = process.exitcode
        self._connection.close()
        if code == -9:
            return "the worker was killed (signal 9), most often because the machine ran out of memory"
        return f"the worker ended unexpectedly with exit code {code}"


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


def _error(message: Failed) -> KGTunerError:
    kind = getattr(errors, message.kind, None) if message.kind else None
    if isinstance(kind, type) and issubclass(kind, KGTunerError):
        return kind(message.message)
    last_line = message.message.strip().splitlines()[-1] if message.message.strip() else "no message"
    failed = TrialFailed(f"an unexpected error in the training: {last_line}")
    failed.add_note(message.message)
    return failed
