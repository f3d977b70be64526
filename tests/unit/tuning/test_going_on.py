"""A training that goes on: when it may, how long it then lasts, and what its trial is remembered as."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import optuna
import pytest
from optuna.trial import FrozenTrial, create_trial

from kgtuner.config import TrialConfig
from kgtuner.execution.storage import RESULT
from kgtuner.tuning.going_on import RUNG, go_on, may_go_on
from kgtuner.tuning.kept_models import AGAIN, DEFAULT

CONFIG = {
    "model": {"name": "complex", "dimension": 20},
    "loss": "cross_entropy",
    "training": {"max_seconds": 40.0},
}


def trial(stopped_by: str = "max_seconds", **notes: Any) -> FrozenTrial:
    result = {"stopped_by": stopped_by, "seconds": 40.0, "config": CONFIG}
    return create_trial(value=0.5, user_attrs={RESULT: result} | notes)


def run_with(checkpoint: Path, launched: list[tuple[dict[str, Any], TrialConfig]]) -> Any:
    def launch(plan: Any, study: Any, begun: optuna.Trial, config: TrialConfig, file: Path) -> None:
        assert file == checkpoint
        launched.append((begun.user_attrs, config))

    return SimpleNamespace(
        root=lambda study, trial: trial,
        checkpoint_path=lambda trial: checkpoint,
        store=SimpleNamespace(place="study.sqlite"),
        settings=SimpleNamespace(max_steps=None),
        launch=launch,
    )


@pytest.mark.parametrize("stopped_by", ["max_seconds", "max_steps", "patience"])
def test_only_a_training_that_its_time_cut_off_may_go_on_while_its_state_is_there(
    stopped_by: str, tmp_path: Path
) -> None:
    run, study = run_with(tmp_path / "checkpoint", []), optuna.create_study(direction="maximize")
    assert not may_go_on(run, study, trial(stopped_by))
    (tmp_path / "checkpoint").write_text("")
    assert may_go_on(run, study, trial(stopped_by)) == (stopped_by == "max_seconds")


@pytest.mark.parametrize("notes", [{}, {DEFAULT: "complex"}], ids=["found", "default"])
@pytest.mark.parametrize(("kept", "seconds"), [(True, 40.0 + 59.3), (False, 59.3)])
def test_its_limit_counts_what_it_had_and_a_default_stays_one(
    notes: dict[str, Any], kept: bool, seconds: float, tmp_path: Path
) -> None:
    launched: list[tuple[dict[str, Any], TrialConfig]] = []
    checkpoint = tmp_path / "checkpoint"
    if kept:
        checkpoint.write_text("")
    plan: Any = None
    study = optuna.create_study(direction="maximize")
    study.add_trial(trial(**notes))
    go_on(run_with(checkpoint, launched), plan, study, study.trials[0], 60.0, rung=2)
    ((attrs, config),) = launched
    assert attrs == {AGAIN: 0, RUNG: 2} | notes
    assert config.training.max_seconds == pytest.approx(seconds)  # 0.7 s go into its start
