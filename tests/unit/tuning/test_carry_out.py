"""What happens to a run when somebody interrupts it, and when its best cannot be ranked on test."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kgtuner as kt
from kgtuner.errors import Hung, KGTunerError
from kgtuner.execution.inprocess import InProcess
from kgtuner.execution.tasks import EvaluateTask, Resources
from kgtuner.tuning.carry_out import _interrupted_once
from kgtuner.tuning.finished import load_tuned
from kgtuner.tuning.run_folder import RunFolder


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


class Failing(InProcess):
    """Trains, and ranks nothing."""

    def __init__(self, error: KGTunerError) -> None:
        super().__init__()
        self.error = error

    def run(self, task: Any, resources: Resources, *, on_wait: Callable[[], None]) -> dict[str, Any]:
        if isinstance(task, EvaluateTask):
            raise self.error
        return super().run(task, resources, on_wait=on_wait)


def test_a_run_whose_best_cannot_be_ranked_on_test_ends_with_what_it_has_and_ranks_it_when_resumed(
    tmp_path: Path,
) -> None:
    error = Hung("it gave no sign of life")
    entity = np.arange(30)
    rows = [
        np.column_stack([entity, np.full(30, r), (entity + step) % 30]) for r, step in enumerate((1, 3, 7))
    ]
    graph = kt.KnowledgeGraph.from_arrays(np.concatenate(rows), name="ring", seed=0, leaks="keep")
    result = kt.tune(
        graph,
        model="distmult",
        trials=2,
        max_steps=20,
        two_stages=False,
        output=tmp_path / "run",
        executor=Failing(error),
    )
    assert result.test is None
    assert result.stopped_by == "trials"
    assert result.test_failed == f"{error.reason}: {error}"
    assert load_tuned(RunFolder(tmp_path / "run")).test_failed == result.test_failed
    assert (tmp_path / "run" / "best.safetensors").exists()
    assert (
        f"The best could not be ranked on test ({result.test_failed})"
        in (tmp_path / "run" / "log.txt").read_text()
    )
    again = kt.resume(tmp_path / "run", executor=InProcess())
    assert again.test is not None
    assert again.test_failed is None
    assert len(again.trials) == 2
