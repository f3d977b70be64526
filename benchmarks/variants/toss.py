"""TOSS without its decoupling, and with another maximiser: what a table cannot answer, for it has no rows for it.

Decoupled, TOSS searches with a batch of 128 and 100 reals, and raises both on the full graph as far as memory allows.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from kgtuner.search.samplers import SAMPLERS
from kgtuner.search.samplers.bore import BoreSampler
from kgtuner.search.strategies import STRATEGIES, Asking, Problem, Request
from kgtuner.search.strategies.toss import toss
from kgtuner.tuning.algorithms import ALGORITHMS
from kgtuner.tuning.by_strategy import by_strategy

SIZES_SEARCHED, SIZES_KEPT, RANDOM_CANDIDATES = (
    "toss_sizes_searched",
    "toss_sizes_kept",
    "toss_random_candidates",
)

ARMS: dict[str, dict[str, Any]] = {
    SIZES_SEARCHED: {"space": Path(__file__).with_name("reduced_with_sizes.yaml")},
    SIZES_KEPT: {"space": "reduced"},
    RANDOM_CANDIDATES: {"space": "reduced"},
}
"""The arguments of `tune` that each one has beside its name."""


class ScatterBore(BoreSampler):
    """Random forest and BORE over random candidates in place of evolved ones."""

    MAXIMISER = "scatter"


def never_larger(problem: Problem) -> Asking:
    """TOSS with the sizes of what it proposes."""
    asking, answer = toss(problem), None
    while True:
        try:
            request: Request = asking.send(answer)  # type: ignore[arg-type]
        except StopIteration:
            return
        answer = yield replace(request, larger=False)


def add() -> None:
    """Let `tune` know them by name."""
    SAMPLERS[f"rf_bore in {RANDOM_CANDIDATES}"] = ScatterBore
    changed = {
        SIZES_SEARCHED: never_larger,
        SIZES_KEPT: never_larger,
        RANDOM_CANDIDATES: partial(toss, sampler=f"rf_bore in {RANDOM_CANDIDATES}"),
    }
    for name, search in changed.items():
        STRATEGIES[name] = replace(STRATEGIES["toss"], search=search)
        ALGORITHMS[name] = by_strategy
