"""What is replayed on the tables: every algorithm by name, and the parts of ours and of TOSS left out one by one."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from benchmarks.tabular.made_by import digest_of
from benchmarks.tabular.reduced import reduced
from benchmarks.tabular.tried import fidelity_seen, per_second
from kgtuner.search.samplers import SAMPLERS, ModelSampler, SpaceSampler
from kgtuner.search.strategies import STRATEGIES, Asking, Problem
from kgtuner.search.strategies.racing import racing
from kgtuner.search.strategies.single import single
from kgtuner.search.strategies.toss import toss

Search = Callable[[Problem], Asking]

TREES = 25
"""In the forests of a replay; 200 in a real search."""
BUDGETS = (3.0, 6.0, 10.0, 15.0, 30.0)
"""Whole trainings. A strategy that plans with its budget is run for each of them."""
LONG = 60.0
"""What is to be reached with less: a budget of random search and of the best that propose with a model."""
LONG_TOO = ("random", "tpe", "gp", "rf_ei", "rf_bore")
PARTS = (3.0, 10.0, 30.0)
"""Budgets at which a part is left out."""


@dataclass(frozen=True)
class Algorithm:
    """What is replayed.

    Attributes:
        search: a strategy, perhaps with a part changed.
        forest: whether it makes forests, which are then smaller than in a real search.
        knowing: whether it begins with what was good on the other tables; all others begin from nothing.
        budgets: in whole trainings, what it is replayed with.
    """

    search: Search
    forest: bool = False
    knowing: bool = False
    budgets: tuple[float, ...] = BUDGETS

    @property
    def options(self) -> dict[str, object]:
        """Of the samplers that it makes."""
        return {"surrogate_options": {"trees": TREES}} if self.forest else {}

    def but(self, **changed: object) -> Algorithm:
        """The same with other arguments, to see what the part is worth."""
        return dataclasses.replace(self, search=partial(self.search, **changed), budgets=PARTS)


def _makes_forests(sampler: type[SpaceSampler]) -> bool:
    return issubclass(sampler, ModelSampler) and sampler.SURROGATE == "random_forest"


def _reduced(algorithm: Algorithm) -> Algorithm:
    return dataclasses.replace(algorithm, search=partial(reduced, search=algorithm.search), budgets=PARTS)


SINGLE = {
    name: Algorithm(
        partial(single, sampler=name),
        forest=_makes_forests(sampler),
        budgets=(*BUDGETS, LONG) if name in LONG_TOO else BUDGETS,
    )
    for name, sampler in SAMPLERS.items()
    if name != "smac"
}
TOSS = Algorithm(toss, forest=True)
RACING = Algorithm(racing, forest=True, knowing=True)
FROM_NOTHING = dataclasses.replace(RACING.but(use_first=False), knowing=False, budgets=BUDGETS)

ALGORITHMS: dict[str, Algorithm] = {
    **SINGLE,
    **{name: Algorithm(strategy.search) for name, strategy in STRATEGIES.items()},
    "racing": RACING,
    "racing, full graph only": RACING.but(use_subgraph=False),
    "racing from nothing": FROM_NOTHING,
    "racing from nothing, full graph only": FROM_NOTHING.but(use_subgraph=False),
    "racing from nothing, random proposals": dataclasses.replace(
        FROM_NOTHING.but(sampler="random"), forest=False
    ),
    "racing from nothing, rf_bore": FROM_NOTHING.but(sampler="rf_bore"),
    "racing from nothing, fidelity seen": dataclasses.replace(
        FROM_NOTHING, search=partial(fidelity_seen, search=FROM_NOTHING.search), budgets=PARTS
    ),
    "rf_ei, per second": Algorithm(per_second, forest=True),
    "toss": TOSS,
    "toss, 3 transferred": TOSS.but(transferred=3),
    "toss, 30 transferred": TOSS.but(transferred=30),
    "toss, nothing transferred": TOSS.but(transferred=0),
    "toss, random proposals": dataclasses.replace(TOSS.but(sampler="random"), forest=False),
    "toss, rf_ei": TOSS.but(sampler="rf_ei"),
    "toss, reduced space": _reduced(TOSS),
    "rf_bore, reduced space": _reduced(SINGLE["rf_bore"]),
    "random, reduced space": _reduced(SINGLE["random"]),
}
"""By name, those of the package first. A strategy is listed twice where it makes forests."""

MADE_BY = {name: digest_of(algorithm.search, algorithm.options) for name, algorithm in ALGORITHMS.items()}
"""Digests of the code as it was when this file was read, which is the code that is replayed."""
