"""What happens to a run when somebody interrupts it."""

from __future__ import annotations

import signal
from contextlib import suppress

import pytest

from kgtuner.tuning.carry_out import _interrupted_once


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_only_the_first_signal_interrupts_and_those_after_it_let_the_run_conclude(
    number: signal.Signals,
) -> None:
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    concluded = False
    with _interrupted_once():
        try:
            signal.raise_signal(number)
        except KeyboardInterrupt:
            with suppress(KeyboardInterrupt):  # it would end pytest
                signal.raise_signal(signal.SIGINT)
                signal.raise_signal(signal.SIGTERM)
                concluded = True
    assert concluded
    assert {each: signal.getsignal(each) for each in before} == before


def test_a_handler_of_the_program_stays_as_it_is() -> None:
    heard = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: heard.append(number))
    try:
        with _interrupted_once() as ignore_more:
            ignore_more()
            signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert heard == [signal.SIGTERM]
