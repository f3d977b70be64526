"""A Ctrl-C that nobody hears, because it arrived inside a callback from C, comes again."""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

AGAIN_AFTER = 0.02
"""Seconds until it comes again; a callback has ended by then, and if not, it comes once more."""


@contextmanager
def never_swallowed() -> Iterator[None]:
    """Raise a KeyboardInterrupt again in the main thread where ctypes has dropped it.

    Numba's compiler calls back into Python while it compiles or loads a kernel, and what such a callback raises is
    printed and forgotten. It is raised again without a signal, so a handler that lets only the first one through does
    not keep it out; a main thread that waits in C hears it when it returns to Python.
    """
    before = sys.unraisablehook

    def hook(unraisable: Any) -> None:
        if not issubclass(unraisable.exc_type, KeyboardInterrupt):
            before(unraisable)
            return
        later = threading.Timer(AGAIN_AFTER, _interrupt_main_thread)
        later.daemon = True
        later.start()

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = before


def _interrupt_main_thread() -> None:
    thread, exception = threading.main_thread().ident, ctypes.py_object(KeyboardInterrupt)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread or 0), exception)
