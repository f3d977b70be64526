"""Where trials are kept: an Optuna study per stage, in one sqlite file with one writer."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState
from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError

from kgtuner.errors import RunError
from kgtuner.types import INTERRUPTED

RESULT = "result"  # what the training reported
REASON = "reason"  # why there is no value

optuna.logging.set_verbosity(optuna.logging.WARNING)


class TrialStore:
    """The studies of one run. Every finished trial is on disk before the next one starts.

    Args:
        path: the sqlite file; made when it does not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with storage_errors(path):
            self._storage = optuna.storages.RDBStorage(
                f"sqlite:///{path}", engine_kwargs={"connect_args": {"timeout": 30}}
            )
            engine: Engine = self._storage.engine
            event.listen(engine, "connect", _write_ahead)
            engine.dispose()  # connections made before now lack the pragma

    def study(self, name: str, sampler: optuna.samplers.BaseSampler) -> Study:
        """The study of a stage, made when it does not exist; larger values are better."""
        with storage_errors(self.path):
            return optuna.create_study(
                storage=self._storage,
                study_name=name,
                sampler=sampler,
                direction="maximize",
                load_if_exists=True,
            )

    def trials(self, name: str) -> list[FrozenTrial]:
        """All trials of a stage in order; none when the stage has not begun."""
        with storage_errors(self.path):
            names = optuna.get_all_study_names(self._storage)
            return (
                optuna.load_study(study_name=name, storage=self._storage).get_trials()
                if name in names
                else []
            )

    def close(self) -> None:
        self._storage.remove_session()
        self._storage.engine.dispose()


def finish(study: Study, trial: Trial, value: float, result: Mapping[str, Any]) -> None:
    """Keep what a trial measured."""
    trial.set_user_attr(RESULT, dict(result))
    study.tell(trial, value)


def fail(study: Study, trial: Trial, reason: str, message: str) -> None:
    """Keep why a trial has no value."""
    trial.set_user_attr(REASON, reason)
    trial.set_user_attr("message", message)
    study.tell(trial, state=TrialState.FAIL)


def requeue_interrupted(study: Study) -> int:
    """Close the trials that a killed run left running and put their configurations first in line.

    Returns:
        How many there were.
    """
    count = 0
    for trial in study.get_trials(states=(TrialState.RUNNING,)):
        storage, number = study._storage, trial._trial_id
        storage.set_trial_user_attr(number, INTERRUPTED, True)
        storage.set_trial_user_attr(number, REASON, "interrupted")
        study.tell(trial.number, state=TrialState.FAIL)
        if trial.params:
            study.enqueue_trial(trial.params, user_attrs=_kept(trial.user_attrs))
        count += 1
    return count


def drop_waiting(study: Study) -> None:
    """Close the trials that wait to be made again, where it is too late for them."""
    for _ in study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
        trial = study.ask()  # takes the one that has waited longest
        trial.set_user_attr(INTERRUPTED, True)
        fail(study, trial, "interrupted", "its time was over when the run went on")


def value_of(trial: FrozenTrial) -> float | None:
    """The measured value of a trial, None when there is none."""
    if trial.state == TrialState.COMPLETE and trial.value is not None and math.isfinite(trial.value):
        return trial.value
    return None


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn database errors into one sentence."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, optuna.exceptions.StorageInternalError) as error:
        text = str(error.__cause__ or error)
        if "full" in text:
            raise RunError(f"cannot write {path}: the disk is full; free some space and resume") from None
        if "malformed" in text or "not a database" in text:
            raise RunError(
                f"{path} is damaged ({_first_line(text)}); restore it or start a new run"
            ) from None
        raise RunError(f"cannot use {path}: {_first_line(text)}") from None


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0] if text.strip() else "no message"


def _kept(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in attributes.items() if name not in (INTERRUPTED, REASON)}


def _write_ahead(connection: Any, record: Any) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")  # NORMAL could lose the last trials in a power cut
