"""Trainings that go on from where their time was over."""

from __future__ import annotations

from dataclasses import replace

from optuna.study import Study
from optuna.trial import FrozenTrial

from kgtuner.config import TrialConfig
from kgtuner.execution.storage import RESULT, storage_errors
from kgtuner.tuning.kept_models import AGAIN, DEFAULT
from kgtuner.tuning.running import TuningRun
from kgtuner.tuning.trials import FULL_STEPS, limited
from kgtuner.tuning.under_way import StagePlan

RUNG = "rung"  # in the notes of a trial that goes on: which rung that belongs to


def may_go_on(run: TuningRun, study: Study, trial: FrozenTrial) -> bool:
    """Whether a training was ended by its time and its whole state is still there."""
    cut = trial.user_attrs[RESULT]["stopped_by"] == "max_seconds"
    return cut and run.checkpoint_path(run.root(study, trial)).exists()


def go_on(
    run: TuningRun, plan: StagePlan, study: Study, before: FrozenTrial, seconds: float, *, rung: int
) -> None:
    """Train on from where a trial stopped, for so many seconds more."""
    with storage_errors(run.store.place):
        trial = study.ask()
        trial.set_user_attr(AGAIN, before.number)
        trial.set_user_attr(RUNG, rung)
        if DEFAULT in before.user_attrs:
            trial.set_user_attr(DEFAULT, before.user_attrs[DEFAULT])
    config = limited(run, TrialConfig.from_mapping(before.user_attrs[RESULT]["config"]), FULL_STEPS, seconds)
    checkpoint = run.checkpoint_path(run.root(study, before))
    done = trained_seconds(before) if checkpoint.exists() else 0.0
    total = done + (config.training.max_seconds or 0.0)
    run.launch(plan, study, trial, replace_seconds(config, total), checkpoint)


def replace_seconds(config: TrialConfig, total: float) -> TrialConfig:
    """The limit of a training that goes on counts what it had before."""
    return replace(config, training=replace(config.training, max_seconds=total))


def trained_seconds(trial: FrozenTrial) -> float:
    """Seconds of training behind a trial, what it went on from included."""
    return float(trial.user_attrs[RESULT]["seconds"])
