"""The process of a local worker: takes tasks from its pipe, one after the other, and answers on it.

Nothing heavy is imported before the pipe is there, so that a worker that cannot import says why.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
import traceback
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

PARENT_CHECK = 1.0
"""Seconds between looks at whether the process that started us is still there."""

PR_SET_PDEATHSIG = 1  # linux/prctl.h


@dataclass(frozen=True)
class Ready:
    """The worker has imported what it needs."""


@dataclass(frozen=True)
class CannotStart:
    """It has not; `message` is the last line of the error, `traceback` all of it."""

    message: str
    traceback: str


def serve(connection: Connection, parent: int) -> None:
    """Answer tasks until the pipe closes. The entry point of a worker process.

    Args:
        connection: our end of the pipe.
        parent: process id of who started us.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the coordinator decides
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    die_with(parent)
    try:
        from kgtuner.execution.worker import Worker, signs_of_life
    except BaseException as error:  # whatever keeps us from working is told, and ends us
        connection.send(CannotStart(f"{type(error).__name__}: {error}", traceback.format_exc()))
        return
    writing = threading.Lock()

    def send(message: Any) -> None:
        with writing:
            connection.send(message)

    worker = Worker()
    try:
        send(Ready())
        while (task := connection.recv()) is not None:
            with signs_of_life(send):
                answer = worker.answer(task, send)
            send(answer)
    except (EOFError, ConnectionError):
        return  # who started us is gone, or wants us to be


def die_with(parent: int) -> None:
    """End when the process that started us ends, however it ends: it may be killed and cannot tell us.

    Linux kills us by itself. The look every second is for elsewhere, and for a parent that was gone before we asked.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))
    threading.Thread(target=_look_after, args=(parent,), daemon=True).start()


def _look_after(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(PARENT_CHECK)
    os._exit(1)
