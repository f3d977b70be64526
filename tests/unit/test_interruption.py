from __future__ import annotations

import ctypes
import signal
import threading
import types
from collections.abc import Iterator
from typing import Any

import pytest

from kgtuner.interruption import held_back


def swallow(number: int = signal.SIGINT) -> None:
    """A signal inside a callback from C, where what its handler raises would be forgotten."""
    ctypes.CFUNCTYPE(None)(lambda: signal.raise_signal(number))()


@pytest.fixture(autouse=True)
def handlers_are_left_as_they_were() -> Iterator[None]:
    before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    yield
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == before


def test_ctrl_c_inside_a_callback_from_c_is_heard_at_the_end_of_the_block() -> None:
    ended = []

    def work() -> None:
        with held_back():
            swallow()
            ended.append(True)

    with pytest.raises(KeyboardInterrupt):
        work()
    assert ended


def test_a_handler_is_told_once_of_a_signal_that_came_twice() -> None:
    told: list[int] = []

    def heard(number: int, frame: types.FrameType | None) -> None:
        told.append(number)

    before = signal.signal(signal.SIGTERM, heard)
    try:
        with held_back():
            swallow(signal.SIGTERM)
            swallow(signal.SIGTERM)
            assert told == []
        assert told == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_that_comes_as_its_handler_is_put_back_leaves_the_other_as_it_was(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_handler, handlers = signal.signal, []

    def heard(number: int, frame: types.FrameType | None) -> None:
        raise KeyboardInterrupt

    def set_and_interrupt(which: int, handler: Any) -> Any:
        before = set_handler(which, handler)
        if which == number and handler is heard:
            signal.raise_signal(which)
        return before

    def work() -> None:
        with held_back():
            monkeypatch.setattr(signal, "signal", set_and_interrupt)

    before = {each: set_handler(each, heard) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        with pytest.raises(KeyboardInterrupt):
            work()
        handlers = [signal.getsignal(each) for each in before]
    finally:
        for each, handler in before.items():
            set_handler(each, handler)
    assert handlers == [heard, heard]


def test_both_are_delivered_where_the_first_does_not_raise() -> None:
    told: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: told.append(number))

    def work() -> None:
        with held_back():
            swallow(signal.SIGINT)
            swallow(signal.SIGTERM)

    try:
        with pytest.raises(KeyboardInterrupt):
            work()
        assert told == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)


def test_what_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with held_back():
            swallow()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_an_interruption_comes_before_what_failed_meanwhile() -> None:
    def work() -> None:
        with held_back():
            swallow()
            raise ValueError

    with pytest.raises(KeyboardInterrupt):
        work()


def test_outside_of_the_main_thread_nothing_is_held() -> None:
    seen = []

    def work() -> None:
        with held_back():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.getsignal(signal.SIGINT)]
