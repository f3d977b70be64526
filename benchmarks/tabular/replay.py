"""One search replayed on a table with a simulated clock."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.tabular.table import Table
from kgtuner.search.strategies import FULL, Asking, Problem

LEAST_COST = 1e-4
"""Whole trainings; what a failure at the first step costs, so that a search of failures ends."""


@dataclass(frozen=True)
class Trace:
    """How good the incumbent was, and when.

    Attributes:
        cost: (k,) whole trainings paid when it became the incumbent.
        quality: (k,) what it reaches in a whole training on the full graph; NaN before there is one.
        trainings: how many were asked for.
    """

    cost: list[float]
    quality: list[float]
    trainings: int

    def at(self, cost: float) -> float:
        """The incumbent's quality when so much has been paid, NaN if there was none."""
        known = [q for c, q in zip(self.cost, self.quality, strict=True) if c <= cost]
        return known[-1] if known else math.nan


def replay(
    table: Table,
    search: Callable[[Problem], Asking],
    budget: float,
    seed: int,
    *,
    fidelities: tuple[str, ...] = (),
    options: dict[str, object] | None = None,
    numbers: list[int] | None = None,
    first: list[int] | None = None,
) -> Trace:
    """Answer a search from the table until it has spent the budget or has nothing more to ask.

    The incumbent is the configuration with the best value on the highest graph and share that has been seen so
    far. It is judged by what a whole training of it on the full graph gives, whether the search has made that or
    not; a search that ends with a training beyond its budget does not learn its outcome.

    Args:
        search: a strategy.
        budget: in whole trainings.
        fidelities: the subgraphs it may use.
        numbers: the configurations there are; None: all that the table has for these subgraphs.
        first: those of them that a search which begins with what was good elsewhere is given.
    """
    numbers = table.numbers(fidelities) if numbers is None else numbers
    pool = np.array([table.codes[number] for number in numbers])
    at = {row.tobytes(): number for row, number in zip(pool, numbers, strict=True)}
    problem = Problem(
        table.space,
        budget,
        table.fidelities(fidelities),
        seed,
        pool,
        dict(options or {}),
        first=[table.codes[number] for number in first or ()],
    )
    order = {fidelity.name: place for place, fidelity in enumerate(problem.fidelities)}
    asking, trained = search(problem), dict[tuple[str, int], float]()
    trace, spent, best = Trace([], [], 0), 0.0, ((-1, 0.0), -math.inf)
    asked = 0
    try:
        request = next(asking)
        while True:
            number = at[request.row.tobytes()]
            before = trained.get((request.fidelity, number), 0.0)
            answer = table.answer(number, request.fidelity, request.share, before)
            trained[request.fidelity, number] = max(before, request.share)
            spent += max(answer.cost, LEAST_COST)
            asked += 1
            if spent > budget * (1 + 1e-9):
                break
            # On the full graph a short training counts as a whole one, as in a search that keeps its best model.
            rank = (order[request.fidelity], 0.0 if request.fidelity == FULL else request.share)
            if not math.isnan(answer.value) and (rank, answer.value) > best:
                best = (rank, answer.value)
                trace.cost.append(spent)
                trace.quality.append(table.trainings[FULL][number].value)
            request = asking.send(answer)
    except StopIteration:
        pass
    return Trace(trace.cost, trace.quality, asked)
