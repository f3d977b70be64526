"""The table as a search sees it: configurations, and what a training of each costs and gives."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from benchmarks.tabular.drawing import space_of
from benchmarks.tabular.store import DATA
from kgtuner.search.strategies import FULL, Answer, Fidelity
from kgtuner.space import Space
from kgtuner.types import FloatArray


@dataclass(frozen=True)
class Training:
    """One row of the table.

    Attributes:
        seconds: CPU time of the whole training, validations included.
        at, values: (v,) CPU seconds and metric of the validations.
        failed: whether it ended without a result.
    """

    seconds: float
    at: FloatArray
    values: FloatArray
    failed: bool

    def until(self, limit: float) -> tuple[float, float]:
        """The best validation when it is stopped after `limit` seconds, NaN if it failed, and seconds paid.

        A training is stopped at its last validation before the limit, but not before the first one.
        """
        if self.failed and (limit >= self.seconds or not len(self.at)):
            return math.nan, min(limit, self.seconds)
        count = max(1, int(np.searchsorted(self.at, limit, side="right")))
        to_the_end = count == len(self.at) and not self.failed
        seconds = self.seconds if to_the_end else float(self.at[count - 1])
        return float(self.values[:count].max()), seconds

    @property
    def value(self) -> float:
        """The best validation of all, NaN if it failed."""
        return math.nan if self.failed else float(self.values.max())


class Table:
    """Trainings of one model on one graph with seed 0.

    Args:
        trainings: by fidelity, then by the number of the configuration.
        caps: seconds of CPU time of a whole training, by fidelity.
        sizes: entities and triples, by fidelity.
    """

    def __init__(
        self,
        space: Space,
        codes: dict[int, FloatArray],
        trainings: dict[str, dict[int, Training]],
        caps: dict[str, float],
        sizes: dict[str, tuple[int, int]],
    ) -> None:
        self.space = space
        self.codes = codes
        self.trainings = trainings
        self.caps = caps
        self.sizes = sizes

    @classmethod
    def load(cls, graph: str, model: str, folder: Path = DATA, seed: int = 0) -> Table:
        """From the committed Parquet file."""
        rows: list[dict[str, Any]] = pq.read_table(folder / f"{graph}-{model}.parquet").to_pylist()
        space = space_of(model)
        codes: dict[int, FloatArray] = {}
        trainings: dict[str, dict[int, Training]] = {}
        caps: dict[str, float] = {}
        sizes: dict[str, tuple[int, int]] = {}
        for row in rows:
            if row["seed"] != seed:
                continue
            assignment = {
                name: int(value) if space.by_name[name].whole else value
                for name, value in row.items()
                if name in space.by_name and value is not None
            }
            codes[row["number"]] = space.codes.rows([assignment])[0]
            trainings.setdefault(row["fidelity"], {})[row["number"]] = Training(
                row["cpu_seconds"],
                np.array(row["curve_seconds"], dtype=np.float64),
                np.array(row["curve_value"], dtype=np.float64),
                row["failure"] is not None,
            )
            caps[row["fidelity"]] = row["cap"]
            sizes[row["fidelity"]] = row["entities"], row["triples"]
        return cls(space, codes, trainings, caps, sizes)

    def fidelities(self, names: tuple[str, ...]) -> list[Fidelity]:
        """Those of the names, the cheapest first, with the full graph."""
        unit = self.caps[FULL]
        found = [
            Fidelity(name, self.caps[name] / unit, tuple(math.log(size) for size in self.sizes[name]))
            for name in {*names, FULL}
        ]
        return sorted(found, key=lambda fidelity: fidelity.cost)

    def numbers(self, names: tuple[str, ...]) -> list[int]:
        """Configurations that have been trained on all of these graphs and on the full one."""
        return sorted(set.intersection(*(set(self.trainings[name]) for name in {*names, FULL})))

    def answer(self, number: int, fidelity: str, share: float, before: float = 0.0) -> Answer:
        """A training, or what is left of it after a share of it has been paid."""
        unit, cap = self.caps[FULL], self.caps[fidelity]
        training = self.trainings[fidelity][number]
        value, seconds = training.until(share * cap)
        paid = training.until(before * cap)[1] if before else 0.0
        return Answer(value, max(0.0, seconds - paid) / unit)
