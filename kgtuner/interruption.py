"""Ctrl-C and SIGTERM wait while something is under way that would lose them."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

HELD = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def held_back() -> Iterator[None]:
    """Deliver SIGINT and SIGTERM at the end of the block, if they arrive inside and Python has a handler for them.

    For code in C that calls back into Python: what a callback raises is printed and forgotten there, and an
    interruption with it. Each is delivered once; where the handler of one raises, it is the last. Outside of the main
    thread, where no handler runs, nothing is done.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    arrived: list[signal.Signals] = []
    before = {each: handler for each in HELD if callable(handler := signal.getsignal(each))}
    holding = True

    def wait(number: int, frame: FrameType | None) -> None:
        if holding:
            arrived.append(signal.Signals(number))
        else:  # the handlers are being put back
            before[signal.Signals(number)](number, frame)

    try:
        for each in before:
            signal.signal(each, wait)
        yield
    finally:
        holding = False
        for each, handler in before.items():
            signal.signal(each, handler)
        for each in dict.fromkeys(arrived):
            signal.raise_signal(each)
