"""Ctrl-C and SIGTERM wait while something is under way that would lose them."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def held_back() -> Iterator[None]:
    """Deliver SIGINT and SIGTERM at the end of the block, if they arrive inside and Python has a handler for them.

    For code in C that calls back into Python: what a callback raises is printed and forgotten there, and an
    interruption with it. Each is delivered once. Outside of the main thread, where no handler runs, nothing is done.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    with _held_back(signal.SIGINT), _held_back(signal.SIGTERM):
        yield


@contextmanager
def _held_back(number: signal.Signals) -> Iterator[None]:
    handler = signal.getsignal(number)
    if not callable(handler):
        yield
        return
    arrived, holding = [], True

    def wait(number: int, frame: FrameType | None) -> None:
        if holding:
            arrived.append(number)
        else:  # the other signal has cut off what puts the handler back
            handler(number, frame)

    try:
        signal.signal(number, wait)
        yield
    finally:
        holding = False
        signal.signal(number, handler)
        if arrived:
            signal.raise_signal(number)
