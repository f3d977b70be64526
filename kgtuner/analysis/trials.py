"""Trials from a table, as arrays."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kgtuner.errors import DataError
from kgtuner.space.legal import legal_space
from kgtuner.space.space import Space
from kgtuner.types import FloatArray

if TYPE_CHECKING:
    import pandas as pd

GROUPS = ("fidelity", "stage")
SECONDS = ("cpu_seconds", "seconds")
FULL = "full"


@dataclass(frozen=True)
class Trials:
    """Configurations and what came of them.

    Attributes:
        space: everything legal for their models.
        codes: (n, d) of the space.
        values: (n,) larger is better, NaN for a failure.
        seconds: (n,) of each training, NaN where it is not known.
        groups: n names of the graph each was made on, such as "full"; values compare within one.
    """

    space: Space
    codes: FloatArray
    values: FloatArray
    seconds: FloatArray
    groups: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.codes)

    def of(self, group: str) -> Trials:
        """Those of one graph."""
        rows = np.flatnonzero(np.array(self.groups) == group)
        return Trials(
            self.space, self.codes[rows], self.values[rows], self.seconds[rows], (group,) * len(rows)
        )

    @property
    def largest(self) -> str:
        """The full graph where it has at least half as many trials as any other, else the one with most."""
        counts = {name: self.groups.count(name) for name in dict.fromkeys(self.groups)}
        most = max(counts, key=lambda name: counts[name])
        return FULL if counts.get(FULL, 0) >= counts[most] / 2 else most


def read_trials(path: Path) -> pd.DataFrame:
    """A table of trials: a run folder's trials.csv, another CSV file, or a Parquet file.

    Raises:
        DataError: when there is none, or it lacks what is needed.
    """
    import pandas as pd

    file = path / "trials.csv" if path.is_dir() else path
    if not file.exists():
        raise DataError(f"{file} does not exist; give a run folder or a table of trials (.csv, .parquet)")
    try:
        frame = (
            pd.read_parquet(file)
            if file.suffix == ".parquet"
            else pd.read_csv(
                file, compression=None, low_memory=False, keep_default_na=False, na_values=[""]
            )  # nothing is unpacked, whatever the name says
        )
    except (ValueError, OSError) as error:
        said = " ".join(str(error).split())
        raise DataError(f"{file} cannot be read as a table of trials: {said}") from None
    for column in ("value", "model.name"):
        if column not in frame:
            raise DataError(f"{file} has no column {column!r}; a table of trials has one row per training")
    return frame


def as_trials(frame: pd.DataFrame) -> Trials:
    """The trials that ended, well or badly, and were not cut off from outside or made twice.

    Raises:
        DataError: when none is left, or where a number is expected and something else stands there.
    """
    if "state" in frame:
        frame = frame[frame["state"] != "interrupted"]
    if "seed" in frame:
        frame = frame[frame["seed"] == 0]
    if "again" in frame:  # a training that went on is the same configuration with more time
        frame = frame[frame["again"].isna()]
    frame = frame[frame["model.name"].notna()]
    if not len(frame):
        raise DataError("the table has no finished trial")
    space = legal_space([str(name) for name in frame["model.name"].unique()])
    values = _numbers(frame, "value")
    assignments = [
        _assignment(space, row, number)
        for number, row in zip(frame.index, frame.to_dict("records"), strict=True)
    ]
    kept = [number for number, assignment in enumerate(assignments) if assignment is not None]
    frame = frame.iloc[kept]
    group = next((name for name in GROUPS if name in frame), None)
    seconds = next((name for name in SECONDS if name in frame), None)
    return Trials(
        space,
        space.codes.rows([a for a in assignments if a is not None]),
        values[kept],
        _numbers(frame, seconds) if seconds else np.full(len(frame), np.nan),
        tuple(str(name) for name in frame[group]) if group else (FULL,) * len(frame),
    )


def _numbers(frame: pd.DataFrame, column: str) -> FloatArray:
    """(n,) numbers of a column, NaN where it is empty."""
    return np.array(
        [_number(value, column, row) for row, value in zip(frame.index, frame[column], strict=True)],
        dtype=np.float64,
    )


def _number(value: Any, column: str, row: int) -> float:
    """A number, or NaN for nothing; `row` counts from 0."""
    try:
        number = math.nan if value is None else float(value)
    except (ValueError, TypeError):
        number = math.inf
    if math.isinf(number):
        raise DataError(
            f"row {row + 1} of the table of trials has {value!r:.40} as {column}; expected a number, or nothing"
        )
    return number


def _assignment(space: Space, row: dict[Any, Any], number: int) -> dict[str, Any] | None:
    """A row as a configuration; None when it lacks something that applies, as a default configuration may."""
    found: dict[str, Any] = {}
    for parameter in space.parameters:
        value = row.get(parameter.name)
        if value is None or value != value:
            continue
        if not parameter.categorical:
            value = _number(value, parameter.name, number)
        found[parameter.name] = int(value) if parameter.whole else value
    active = space.active(found)
    if any(name not in found for name in active):
        return None
    return {name: found[name] for name in active}
