"""Racing: proposals by a forest, stopped early where they fall behind, from a subgraph to the full graph."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kgtuner.search.samplers import SAMPLERS
from kgtuner.search.strategies.base import FULL, Asking, Problem, Request, nothing, observed
from kgtuner.types import FloatArray

ETA = 4
"""One of so many trainings of a rung goes on to the next one."""
SHORT = (1 / 16, 1 / 4)
"""Shares of a whole training that the rungs have on the graph where the race begins; then there is the full graph."""
FULL_SHARES = (1 / 4, 1.0)
"""Those on the full graph, where the race begins on a subgraph."""
WHOLE = 1 / 3
"""Share of what is spent that goes into whole trainings on the full graph, one training more or less."""


@dataclass(frozen=True)
class Rung:
    """A graph and a share of a whole training on it."""

    fidelity: str
    share: float


def racing(
    problem: Problem,
    sampler: str = "rf_ei",
    *,
    use_subgraph: bool = True,
    use_first: bool = True,
    whole: float = WHOLE,
) -> Asking:
    """Whenever something has earned it, the best of a rung goes on; otherwise a new configuration starts below.

    The first to start are those of the problem, such as the default and what was good on other graphs.

    Rungs: a sixteenth and a quarter of a training on the largest subgraph, then a quarter and a whole one on the full
    graph. A configuration goes on when it is among the best quarter of its rung. New ones come from a sampler that has
    seen all rungs: each configuration counts where it got furthest, and values are compared within a rung. Where whole
    trainings fall behind a third of what is spent, and at the end of the budget, the best that can still go on does,
    whether it has earned it or not. The rungs were chosen on the table of ComplEx on UMLS, the rest on that and on the
    one of CoDEx-S, with other seeds than those that are reported.

    Source: asynchronous halving of Li et al. (2020), https://arxiv.org/abs/1810.05934, with proposals as in Klein et
    al. (2020), https://arxiv.org/abs/2003.10865, by a forest in place of a Gaussian process.

    Args:
        sampler: a name from `SAMPLERS`.
        use_subgraph: False to race on the full graph alone.
        use_first: False to begin with what the sampler draws.
        whole: share of what is spent that goes into whole trainings; 0 to train to the end what has earned it alone.
    """
    proposer = SAMPLERS[sampler](problem.space, seed=problem.seed, **problem.options)  # type: ignore[arg-type]
    rungs = rungs_of(problem, use_subgraph=use_subgraph)
    waiting = list(problem.first) if use_first else []
    rows: list[FloatArray] = []
    values: list[list[float]] = []  # of each row, one per rung it has been on
    spent = in_whole = 0.0
    while spent < problem.budget:
        number = _next_best(values, len(rungs)) if whole * spent - in_whole >= 1.0 else None
        if number is None:
            number = _promotable(values, len(rungs))
        if number is None and problem.budget - spent <= min(1.0, whole * problem.budget):
            number = _next_best(values, len(rungs))
        if number is None:
            known = nothing(problem.space)
            for row, own in sorted(zip(rows, values, strict=True), key=lambda pair: len(pair[1])):
                known += observed(row, own[-1], group=len(own) - 1)
            new = waiting.pop(0) if waiting else problem.next(proposer, known, len(rows))
            if new is None:
                number = _next_best(values, len(rungs))
                if number is None:
                    return
            else:
                rows.append(new)
                values.append([])
                number = len(rows) - 1
        rung = rungs[len(values[number])]
        answer = yield Request(rows[number], rung.fidelity, rung.share)
        values[number].append(answer.value)
        spent += answer.cost
        in_whole += answer.cost if len(values[number]) == len(rungs) else 0.0


def rungs_of(problem: Problem, *, use_subgraph: bool) -> list[Rung]:
    """From the cheapest to the whole training on the full graph; none is too short to be worth its start."""
    below = problem.subgraphs[-1] if use_subgraph and problem.subgraphs else problem.fidelities[-1]
    wanted = [(below, share) for share in SHORT]
    wanted += [(problem.fidelities[-1], share) for share in FULL_SHARES if below.name != FULL or share == 1.0]
    worth = [(graph.name, min(1.0, max(share, problem.least / graph.cost))) for graph, share in wanted]
    return [Rung(name, share) for name, share in dict.fromkeys(worth)]


def _promotable(values: list[list[float]], rungs: int) -> int | None:
    """The best of the highest rung from which somebody has earned to go on."""
    for rung in range(rungs - 2, -1, -1):
        been = [(own[rung], number) for number, own in enumerate(values) if len(own) > rung]
        best_first = sorted((pair for pair in been if not np.isnan(pair[0])), key=lambda pair: -pair[0])
        for _, number in best_first[: len(been) // ETA]:
            if len(values[number]) == rung + 1:
                return number
    return None


def _next_best(values: list[list[float]], rungs: int) -> int | None:
    """Once nothing new is left: the best that has not been on the last rung, from the highest rung."""
    for rung in range(rungs - 2, -1, -1):
        waiting = [
            (own[rung], n) for n, own in enumerate(values) if len(own) == rung + 1 and own[rung] == own[rung]
        ]
        if waiting:
            return max(waiting)[1]
    return None
