from __future__ import annotations

import ctypes
import signal
import sys
import time
import types
from typing import Any

import pytest

from kgtuner.interruption import never_swallowed


def swallow() -> None:
    """Ctrl-C inside a callback from C, and then two seconds of work."""
    ctypes.CFUNCTYPE(None)(lambda: signal.raise_signal(signal.SIGINT))()
    ends = time.monotonic() + 2
    while time.monotonic() < ends:
        time.sleep(0.001)


def test_ctrl_c_inside_a_callback_from_c_is_heard_all_the_same() -> None:
    with pytest.raises(KeyboardInterrupt), never_swallowed():
        swallow()


def test_it_is_heard_where_only_the_first_signal_counts() -> None:
    def once(number: int, frame: types.FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, once)
    try:
        with pytest.raises(KeyboardInterrupt), never_swallowed():
            swallow()
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_exceptions_that_are_dropped_are_told_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", told.append)
    usual = sys.unraisablehook
    with never_swallowed():
        ctypes.CFUNCTYPE(None)(lambda: 1 // 0)()
    assert [each.exc_type for each in told] == [ZeroDivisionError]
    assert sys.unraisablehook is usual
