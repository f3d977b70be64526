"""A trial that runs: how long it may take, and when it is worth another try."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kgtuner.defaults import default_config
from kgtuner.tuning import under_way
from kgtuner.tuning.raising import GraphSize
from kgtuner.tuning.schedule import START_SECONDS
from kgtuner.tuning.under_way import TRIES, StagePlan, UnderWay, at_its_sizes


def started(
    seconds: float | None,
    checkpoint: Path | None = None,
    ends_at: float | None = 100.0,
    start_seconds: float = 0.0,
    model: str = "complex",
) -> UnderWay:
    plan = StagePlan("full", Path("graph"), ends_at, None, 1, GraphSize(6, 1, 6))
    config = default_config(model).limited(max_seconds=seconds)
    nothing: Any = None
    begun = UnderWay.starting(plan, nothing, nothing, config, checkpoint, 10.0)
    begun.submitted(10.0, ends_at, start_seconds)
    return begun


def test_a_trial_that_runs_again_has_what_is_left_of_its_time() -> None:
    again = started(30.0).once_more(22.0)
    assert again is not None
    assert again.config.training.max_seconds == pytest.approx(30 - 12 - START_SECONDS)
    assert again.tries == 2


def test_a_trial_whose_time_is_over_does_not_run_again() -> None:
    assert started(30.0).once_more(39.5) is None


def test_a_trial_is_begun_three_times_at_most() -> None:
    trial: UnderWay | None = started(None)
    begun = 0
    while trial is not None:
        begun += 1
        trial = trial.once_more(20.0)
    assert begun == TRIES == 3


def test_out_of_memory_halves_the_queries_at_a_time_and_the_training_goes_on(tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint.safetensors"
    checkpoint.write_bytes(b"of the whole batch")
    trial: UnderWay | None = started(None, checkpoint)
    assert trial is not None
    batch = trial.config.training.batch_size
    seen = []
    while (trial := trial.with_less_memory(20.0)) is not None:
        assert trial.config.training.batch_size == batch
        seen.append(trial.config.training.queries_at_once)
    assert seen == [batch // 2, batch // 4]  # three tries in all
    assert checkpoint.exists()


def test_out_of_memory_after_three_tries_or_with_the_smallest_parts_is_the_end() -> None:
    for model in ("complex", "conve"):
        trial: UnderWay | None = started(None, model=model)
        for _ in range(2):
            assert trial is not None
            trial = trial.once_more(20.0)
        assert trial is not None
        assert trial.with_less_memory(30.0) is None
    trial = started(None)
    trial.config = trial.config.updated({"training.batch_size": 16})
    assert trial.with_less_memory(20.0) is None  # half of it would be another training, and hardly smaller


def test_out_of_memory_halves_a_batch_without_parts_once_and_the_checkpoint_of_the_larger_is_gone(
    tmp_path: Path,
) -> None:
    checkpoint = tmp_path / "checkpoint.safetensors"
    checkpoint.write_bytes(b"of a larger batch")
    trial = started(None, checkpoint, model="conve")
    before = trial.config.training.batch_size
    again = trial.with_less_memory(20.0)
    assert again is not None
    assert again.config.training.batch_size == before // 2
    assert not checkpoint.exists()
    assert again.with_less_memory(30.0) is None
    died = again.once_more(30.0)
    assert died is not None
    assert died.halved  # still the only time


def test_out_of_memory_leaves_a_training_without_parts_that_goes_on_its_batch_and_its_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = tmp_path / "checkpoint.safetensors"
    checkpoint.write_bytes(b"of two rungs")
    monkeypatch.setattr(under_way, "trained_seconds", lambda path: 12.0)
    trial = started(None, checkpoint, model="conve")
    again = trial.with_less_memory(20.0)
    assert again is not None
    assert again.config == trial.config
    assert checkpoint.exists()
    last = again.with_less_memory(30.0)
    assert last is not None
    assert last.with_less_memory(40.0) is None  # it was tried three times; what it was worth before stands


def test_a_training_that_goes_on_keeps_the_sizes_with_which_it_began() -> None:
    config = default_config("complex").updated({"training.batch_size": 512, "model.dimension": 200})
    begun = config.updated(
        {"training.batch_size": 256, "model.dimension": 120, "optimizer.learning_rate": 0.7}
    )
    goes_on = at_its_sizes(config, begun.to_mapping())
    sizes = {"training.batch_size": 256, "model.dimension": 120}
    assert goes_on == config.updated(sizes)  # nothing else is taken from there
    for nothing in ({}, {"training": 3}, {"training": {"batch_size": -1}, "model": {"dimension": "large"}}):
        assert at_its_sizes(config, nothing) is config


def test_a_trial_is_given_up_soon_after_its_stage_should_be_over() -> None:
    trial = started(80.0)
    assert not trial.overdue(104.0)
    assert trial.overdue(106.0)
    assert not started(None, ends_at=None).overdue(1e9)


def test_a_trial_that_takes_long_to_start_is_waited_for() -> None:
    assert started(20.0, ends_at=None).overdue(71.0)
    slow = started(20.0, ends_at=None, start_seconds=10.0)
    assert not slow.overdue(99.0)
    assert slow.overdue(101.0)


def test_a_training_that_goes_on_keeps_what_it_has_had_and_gets_what_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    had = 12.0  # its limit counts them: 30 s mean 18 more, which end at 28
    monkeypatch.setattr(under_way, "trained_seconds", lambda path: had)
    trial = started(30.0, tmp_path / "checkpoint.safetensors")
    assert trial.ends_by == 10 + 30 - 12
    had = 15.0  # three more were saved before it died
    again = trial.once_more(20.0)
    assert again is not None
    assert again.config.training.max_seconds == pytest.approx(15 + (28 - 20) - START_SECONDS)
