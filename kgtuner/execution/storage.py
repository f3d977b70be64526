"""Where trials are kept: an Optuna study per stage, in one sqlite file with one writer, or in PostgreSQL.

Only the coordinator of a run reads and writes here; workers never do.
"""

from __future__ import annotations

import math
import re
import sqlite3
import time
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import wraps
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState
from sqlalchemy import event, text
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    InterfaceError,
    OperationalError,
    PendingRollbackError,
    SQLAlchemyError,
)

from kgtuner.errors import ConfigError, RunError
from kgtuner.execution.one_writer import BatchStorage, OneWriter
from kgtuner.types import INTERRUPTED, TRAINED, Clock

T = TypeVar("T")

RESULT = "result"  # what the training reported
REASON = "reason"  # why there is no value

KINDS: dict[str, tuple[type, ...]] = {
    "config": (dict,), "valid": (dict,), "curve": (list,), "stopped_by": (str,), "best": (int, float),
    "seconds": (int, float), "preparation_seconds": (int, float), "steps": (int,), "peak_rss_mb": (int, float),
}  # fmt: skip
"""What stands in a result, where it does."""

optuna.logging.set_verbosity(optuna.logging.WARNING)


LOCKED_SECONDS = 30
"""For so long a write waits for another process that has locked the sqlite file."""

PATIENCE = 90.0
"""Seconds for which a database that is locked or away is asked again."""

PAUSE = 1.0
"""Seconds between two tries."""

POSTGRES = {
    "connect_timeout": 10,  # seconds, also for a server that accepts and never answers
    "options": "-c statement_timeout=60000",  # milliseconds
    "keepalives_idle": 30,
    "tcp_user_timeout": 30_000,  # milliseconds
}


class TrialStore:
    """The studies of one run, written by one process. Every finished trial is on disk before the next one starts.

    Args:
        place: a sqlite file, made when it does not exist, or the URL of a PostgreSQL database (see `postgres_url`).
        run: the run's own mark in a database that it shares with others; not used in a file.

    Raises:
        RunError: when it cannot be opened, or another process writes the same run there.
    """

    def __init__(self, place: Path | str, run: str = "") -> None:
        self.place = str(place)
        self._prefix = f"{run}/" if run else ""
        self._held: Connection | None = None
        self._seen: set[int] = set()  # the studies that were looked through
        with storage_errors(self.place):
            if isinstance(place, Path):
                url = f"sqlite:///{place}"
                options: dict[str, Any] = {"connect_args": {"timeout": LOCKED_SECONDS}}
            else:
                url = postgres_url(place).render_as_string(hide_password=False)
                options = {"connect_args": POSTGRES, "pool_pre_ping": True}
            try:
                self._storage = PatientStorage(url, engine_kwargs=options)
                self._trials = OneWriter(self._storage)
            except RuntimeError as error:  # its tables are of another Optuna
                raise RunError(f"cannot use {self.place}: {_first_line(str(error))}") from None
            engine: Engine = self._storage.engine
            if isinstance(place, Path):
                event.listen(engine, "connect", _write_ahead)
            engine.dispose()  # connections made before now lack the pragma

    def hold(self) -> None:
        """Keep other processes from writing the same run in a shared database, until `close`.

        Raises:
            RunError: when one does.
        """
        if not self._prefix:
            return  # the run folder is locked
        with storage_errors(self.place):
            self._held = self._storage.engine.connect()
            mark = zlib.crc32(self._prefix.encode())
            free = self._held.execute(text("SELECT pg_try_advisory_lock(:mark)"), {"mark": mark}).scalar()
            self._held.commit()
        if not free:
            self.close()
            raise RunError(
                f"another process is working on this run in {self.place}; wait for it or choose another --output"
            )

    def study(self, name: str, sampler: optuna.samplers.BaseSampler) -> Study:
        """The study of a stage, made when it does not exist; larger values are better."""
        with storage_errors(self.place):
            study = optuna.create_study(
                storage=self._trials,
                study_name=self._prefix + name,
                sampler=sampler,
                direction="maximize",
                load_if_exists=True,
            )
            self._require_sound(study._study_id)
            return study

    def trials(self, name: str) -> list[FrozenTrial]:
        """All trials of a stage in order, not to be changed; none when the stage has not begun."""
        with storage_errors(self.place):
            try:
                study = self._trials.get_study_id_from_name(self._prefix + name)
            except KeyError:
                return []
            self._require_sound(study)
            return self._trials.get_all_trials(study, deepcopy=False)

    def _require_sound(self, study: int) -> None:
        """See that what a database has of a study, which may come from elsewhere, can be from a run.

        Raises:
            RunError: when it cannot.
        """
        if study in self._seen:
            return
        try:
            for trial in self._trials.get_all_trials(study, deepcopy=False):
                _require_plain_result(trial)
        except (ValueError, TypeError, LookupError, AttributeError, AssertionError, RecursionError) as error:
            said = _first_line(str(error))
            raise RunError(
                f"{self.place} is damaged ({type(error).__name__}: {said}); restore it or start a new run"
            ) from None
        self._seen.add(study)

    def flush(self) -> None:
        """Bring what running trials were given to disk; beginnings and ends of trials are there already.

        What has not been handed out may be lost: it is proposed again.
        """
        with storage_errors(self.place):
            self._trials.flush()

    def close(self) -> None:
        if self._held is not None:
            self._held.close()
            self._held = None
        self._storage.remove_session()
        self._storage.engine.dispose()


def postgres_url(text: str) -> URL:
    """A user's postgresql://user@host:5432/database for psycopg.

    Raises:
        ConfigError: for another database, or a password: it would be written into the run folder.
    """
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        url = None
    # The text may hold a password, so it is not repeated.
    if url is None or url.drivername.partition("+")[0] not in ("postgresql", "postgres") or not url.database:
        raise ConfigError(
            "the storage must be the URL of a PostgreSQL database such as postgresql://user@host:5432/kgtuner"
        )
    if url.password is not None:
        raise ConfigError(
            "the storage's URL must not hold a password, which would be kept in the run folder; put it into "
            "PGPASSWORD or ~/.pgpass"
        )
    if find_spec("psycopg") is None:
        raise ConfigError("a storage in PostgreSQL needs an extra: pip install 'kgtuner[postgres]'")
    return url.set(drivername="postgresql+psycopg")


def patiently(
    call: Callable[[], T],
    before_next: Callable[[], None] = lambda: None,
    *,
    clock: Clock = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> T:
    """Call until a database that is locked or away answers again, for a minute and a half at most.

    Args:
        call: must do no harm when it is made twice: a connection may break after a write was made.
        before_next: made before each further try, to let go of what is broken.
        clock, sleep: in seconds.
    """
    until = clock() + PATIENCE
    while True:
        try:
            return call()
        except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
            if not _may_pass(error) or clock() >= until:
                raise
        sleep(PAUSE)
        with suppress(SQLAlchemyError):
            before_next()


class PatientStorage(BatchStorage):
    """Optuna's storage, which asks again while its database is locked or away.

    A write whose answer was lost is made twice. A trial begun twice is closed by who asked for it.
    """


def _patient(name: str) -> Callable[..., Any]:
    whole = getattr(BatchStorage, name)

    @wraps(whole)
    def method(self: PatientStorage, *args: Any, **options: Any) -> Any:
        return patiently(lambda: whole(self, *args, **options), self.remove_session)

    return method


for _name in (
    "_create_new_trial", "_get_best_trial_id", "_get_trials", "create_new_study", "get_all_studies",
    "get_study_directions", "get_study_id_from_name", "get_study_name_from_id", "get_study_system_attrs",
    "get_study_user_attrs", "get_trial_id_from_study_id_trial_number", "set_study_system_attr", "write",
):  # fmt: skip
    setattr(PatientStorage, _name, _patient(_name))


def _may_pass(error: BaseException) -> bool:
    cause = _of_database(error)
    if isinstance(cause, PendingRollbackError):
        return True  # the connection broke within a transaction
    if isinstance(cause, DBAPIError) and cause.connection_invalidated:
        return True
    lasting = re.search("full|malformed|not a database|unable to open|readonly|disk I/O", _words_of(error))
    return isinstance(cause, OperationalError | InterfaceError) and not lasting


def _of_database(error: BaseException) -> BaseException:
    """The error of SQLAlchemy behind one of Optuna's."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, SQLAlchemyError):
        cause = cause.__cause__
    return cause or error


def _words_of(error: BaseException) -> str:
    """What the database said, without the statement and its values."""
    cause = _of_database(error)
    return str(cause.orig if isinstance(cause, DBAPIError) else cause)


def finish(study: Study, trial: Trial, value: float, result: Mapping[str, Any]) -> None:
    """Keep what a trial measured. Made twice it does no harm."""
    with suppress(UpdateFinishedTrialError):
        trial.set_user_attr(RESULT, dict(result))
        study.tell(trial, value, skip_if_finished=True)


def fail(study: Study, trial: Trial, reason: str, message: str) -> None:
    """Keep why a trial has no value. Made twice it does no harm."""
    with suppress(UpdateFinishedTrialError):
        trial.set_user_attr(REASON, reason)
        trial.set_user_attr("message", message)
        study.tell(trial, state=TrialState.FAIL, skip_if_finished=True)


def requeue_interrupted(study: Study, but: Collection[int] = ()) -> int:
    """Close the trials that a killed run left running and put their configurations first in line.

    Args:
        but: numbers of trials that do run.

    Returns:
        How many there were.
    """
    count = 0
    for trial in study.get_trials(states=(TrialState.RUNNING,)):
        if trial.number in but:
            continue
        storage, number = study._storage, trial._trial_id
        storage.set_trial_user_attr(number, INTERRUPTED, True)
        storage.set_trial_user_attr(number, REASON, "interrupted")
        study.tell(trial.number, state=TrialState.FAIL)
        asked = trial.params or trial.system_attrs.get(
            "fixed_params"
        )  # it was put in line and not handed out
        if asked:
            study.enqueue_trial(asked, user_attrs=_kept(trial.user_attrs))
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


def _require_plain_result(trial: FrozenTrial) -> None:
    result = trial.user_attrs.get(RESULT, {})
    if not isinstance(result, dict):
        raise TypeError(f"the result of trial {trial.number} is no mapping")
    if not all(isinstance(value, int | float) for value in trial.values or ()):
        raise TypeError(f"the value of trial {trial.number} is no number")
    for name, kinds in KINDS.items():
        if not isinstance(result.get(name, kinds[0]()), kinds):
            raise TypeError(f"{name} of trial {trial.number} is {result[name]!r:.40}")


@contextmanager
def storage_errors(place: Path | str) -> Iterator[None]:
    """Turn database errors into one sentence."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, optuna.exceptions.StorageInternalError) as error:
        told = _words_of(error)
        said = (
            told if isinstance(_of_database(error), DBAPIError) else ""
        )  # others repeat statement and values
        if re.search("disk is full|disk full|No space left", said):
            raise RunError(f"cannot write {place}: the disk is full; free some space and resume") from None
        if "malformed" in told or "not a database" in told:
            raise RunError(
                f"{place} is damaged ({_first_line(told)}); restore it or start a new run"
            ) from None
        raise RunError(f"cannot use {place}: {_first_line(told)}") from None


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0] if text.strip() else "no message"


def _kept(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """What a trial that is made again was given, without what came of it."""
    came = (INTERRUPTED, REASON, RESULT, TRAINED, "message")
    return {name: value for name, value in attributes.items() if name not in came}


def _write_ahead(connection: Any, record: Any) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")  # NORMAL could lose the last trials in a power cut
