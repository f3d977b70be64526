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
    interruption with it. Outside of the main thread, where no handler runs, nothing is done.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    arrived: list[int] = []

    def wait(number: int, frame: FrameType | None) -> None:
        arrived.append(number)

    heard = [each for each in (signal.SIGINT, signal.SIGTERM) if callable(signal.getsignal(each))]
    before = {each: signal.signal(each, wait) for each in heard}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
        for number in dict.fromkeys(arrived):
            signal.raise_signal(number)
