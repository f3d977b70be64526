"""Optuna's storage for a process that alone writes: it reads from memory, and writes a trial in few transactions."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Container, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    check_distribution_compatibility,
    distribution_to_json,
)
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import RDBStorage, _CachedStorage
from optuna.storages._rdb import models
from optuna.storages._rdb.storage import _create_scoped_session
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.dialects import postgresql, sqlite

Key = tuple[str, int, str]
"""A kind of row (one of `TABLES`), a trial's id and a name."""

TABLES: dict[str, tuple[Any, str]] = {
    "params": (models.TrialParamModel, "param_name"),
    "user_attrs": (models.TrialUserAttributeModel, "key"),
    "system_attrs": (models.TrialSystemAttributeModel, "key"),
}
"""Where the rows of a trial are kept, and the column of their names."""


class BatchStorage(RDBStorage):
    """Optuna's storage in a database, which can write many rows of trials in one transaction."""

    def write(
        self,
        rows: dict[Key, dict[str, Any]],
        trial_id: int | None = None,
        state: TrialState | None = None,
        values: Sequence[float] | None = None,
    ) -> None:
        """Write rows and perhaps a trial's new state: all of it or nothing. Made twice it does no harm.

        Args:
            rows: all columns of each but its own number.
            trial_id, state, values: as in `set_trial_state_values`.

        Raises:
            UpdateFinishedTrialError: when the trial has ended already; then the rows were written with its end.
        """
        insert: Any = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}[self.engine.name]
        with _create_scoped_session(self.scoped_session) as session:
            for table, (model, name) in TABLES.items():
                given = [row for (kind, _, _), row in rows.items() if kind == table]
                if given:
                    new = insert(model.__table__)
                    columns = {column: new.excluded[column] for column in given[0]}
                    new = new.on_conflict_do_update(index_elements=["trial_id", name], set_=columns)
                    session.connection().execute(new, given)
            if trial_id is not None and state is not None:
                # It takes the session of this thread, so its commit is that of the rows.
                RDBStorage.set_trial_state_values(self, trial_id, state, values)


class OneWriter(_CachedStorage):
    """All trials of a study in memory, as the database has them or will have them with the next `flush`.

    Beginning and ending a trial are transactions that are on disk when they return. What a running trial is given
    in between (its parameters and notes) waits for `flush` or for its end, and is lost with a kill before.

    Args:
        backend: nothing else writes to its studies from the first look at them on.
    """

    _backend: BatchStorage

    def __init__(self, backend: BatchStorage) -> None:
        super().__init__(backend)
        self._read: set[int] = set()  # the studies that are in memory
        self._unwritten: dict[Key, dict[str, Any]] = {}

    def flush(self) -> None:
        """Write what waits."""
        if self._unwritten:
            self._backend.write(self._unwritten)
            self._unwritten.clear()

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        self._read_trials_from_remote_storage(study_id)
        if template_trial is not None:
            template_trial = copy.copy(template_trial)
            template_trial.user_attrs = _as_read(template_trial.user_attrs)
            template_trial.system_attrs = _as_read(template_trial.system_attrs)
        trial_id = super().create_new_trial(study_id, template_trial)
        trials = self._studies[study_id].trials
        if self._trial_id_to_study_id_and_number[trial_id][1] != len(trials) - 1:
            self.flush()
            self._read.remove(study_id)  # one was begun twice because the answer to the first try was lost
            self._read_trials_from_remote_storage(study_id)
        return trial_id

    def set_trial_param(
        self, trial_id: int, param_name: str, param_value_internal: float, distribution: BaseDistribution
    ) -> None:
        study_id, _ = self._trial_id_to_study_id_and_number[trial_id]
        known = self._studies[study_id].param_distribution.setdefault(param_name, distribution)
        check_distribution_compatibility(known, distribution)
        distribution = known if known == distribution else distribution  # one object for all trials
        row = {
            "trial_id": trial_id,
            "param_name": param_name,
            "param_value": param_value_internal,
            "distribution_json": distribution_to_json(distribution),
        }

        def change(trial: FrozenTrial) -> None:
            trial.params = {**trial.params, param_name: distribution.to_external_repr(param_value_internal)}
            trial.distributions = {**trial.distributions, param_name: distribution}

        self._change(trial_id, change)
        self._unwritten["params", trial_id, param_name] = row

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        self._set_attribute("user_attrs", trial_id, key, value)

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        self._set_attribute("system_attrs", trial_id, key, value)

    def set_trial_intermediate_value(self, trial_id: int, step: int, intermediate_value: float) -> None:
        raise NotImplementedError("a training tells its curve in its result, not step by step")

    def set_trial_state_values(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        before = self._known(trial_id)
        self.check_trial_is_updatable(trial_id, before.state)
        if state == TrialState.RUNNING and before.state != TrialState.WAITING:
            return False
        with suppress(UpdateFinishedTrialError):  # it was running here: a first try was kept, its answer lost
            self._backend.write(self._unwritten, trial_id, state, values)
        self._unwritten.clear()

        def change(trial: FrozenTrial) -> None:
            trial.state = state
            if values is not None:
                trial.values = list(values)
            if state == TrialState.RUNNING:
                trial.datetime_start = datetime.now()
            if state.is_finished():
                trial.datetime_complete = datetime.now()

        self._change(trial_id, change)
        return True

    def get_trial(self, trial_id: int) -> FrozenTrial:
        trial = self._known(trial_id)
        return trial if trial.state.is_finished() else copy.deepcopy(trial)  # Optuna's Trial writes into it

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        self._read_trials_from_remote_storage(study_id)
        trials = list(self._studies[study_id].trials.values())  # in the order of their numbers
        if states is not None:
            trials = [trial for trial in trials if trial.state in states]
        return copy.deepcopy(trials) if deepcopy else trials

    def _read_trials_from_remote_storage(self, study_id: int) -> None:
        if study_id in self._read:
            return
        self.get_study_directions(study_id)  # makes a place for it
        study = self._studies[study_id]
        trials = self._backend._get_trials(study_id, None, set(), -1)
        study.trials.clear()
        for trial in trials:
            one = {
                name: study.param_distribution.setdefault(name, d) for name, d in trial.distributions.items()
            }
            trial.distributions = {n: one[n] if one[n] == d else d for n, d in trial.distributions.items()}
        self._add_trials_to_cache(study_id, sorted(trials, key=lambda trial: trial.number))
        self._read.add(study_id)

    def _known(self, trial_id: int) -> FrozenTrial:
        study_id, number = self._trial_id_to_study_id_and_number[trial_id]
        return self._studies[study_id].trials[number]

    def _set_attribute(self, kind: str, trial_id: int, key: str, value: Any) -> None:
        text = json.dumps(value)

        def change(trial: FrozenTrial) -> None:
            setattr(trial, kind, {**getattr(trial, kind), key: json.loads(text)})

        self._change(trial_id, change)
        self._unwritten[kind, trial_id, key] = {"trial_id": trial_id, "key": key, "value_json": text}

    def _change(self, trial_id: int, change: Callable[[FrozenTrial], None]) -> None:
        """Put a changed copy of a trial in its place: who has the old one keeps what it was."""
        study_id, number = self._trial_id_to_study_id_and_number[trial_id]
        trial = self._studies[study_id].trials[number]
        self.check_trial_is_updatable(trial_id, trial.state)
        changed = copy.copy(trial)
        change(changed)
        self._studies[study_id].trials[number] = changed


def _as_read(attributes: dict[str, Any]) -> dict[str, Any]:
    """Attributes as they come back from a database: with lists for tuples."""
    read: dict[str, Any] = json.loads(json.dumps(attributes))
    return read
