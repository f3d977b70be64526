"""Racing: proposals by a forest, stopped early where they fall behind, after a race of what was good elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from kgtuner.search.proposals import Observations
from kgtuner.search.samplers import SAMPLERS
from kgtuner.search.strategies.base import FULL, Asking, Problem, Request, nothing, observed
from kgtuner.types import FloatArray

NEW, GIVEN = 4, 2
"""One of so many configurations of a rung goes on: of those that were drawn, and of those that were good elsewhere."""
SHORT = (1 / 16, 1 / 4)
"""Shares of a whole training that the rungs have on the graph where a configuration begins."""
ON_FULL = (1 / 4, 1.0)
"""Those on the full graph for what has begun on a subgraph."""
KEPT = 1 / 3
"""The last part of a budget, as a share of it and one training at most, goes to the best that can still go on."""


@dataclass(frozen=True, order=True)
class Rung:
    """A graph and a share of a whole training on it."""

    fidelity: str
    share: float


@dataclass
class Runner:
    """A configuration and how far it has got.

    Attributes:
        row: (d,) its codes.
        ladder: the rungs it climbs, the cheapest first.
        one_of: it goes on when it is among the best of so many on its rung.
        values: one for each rung it has been on, in the order of its ladder.
    """

    row: FloatArray
    ladder: list[Rung]
    one_of: int
    values: list[float] = field(default_factory=list)

    @property
    def rung(self) -> Rung:
        """The highest it has been on."""
        return self.ladder[len(self.values) - 1]

    @property
    def can_go_on(self) -> bool:
        return len(self.values) < len(self.ladder) and not np.isnan(self.values[-1])

    def at(self, rung: Rung) -> float | None:
        """Its value there; None where it has not been, or will never be."""
        been = self.ladder[: len(self.values)]
        return self.values[been.index(rung)] if rung in been else None


def racing(
    problem: Problem,
    sampler: str = "rf_ei",
    *,
    use_subgraph: bool = True,
    use_first: bool = True,
) -> Asking:
    """Whenever something has earned it, the best of a rung goes on; otherwise another configuration starts below.

    The first to start are those of the problem, such as the default and what was good on other graphs. They race on
    the full graph alone, with a sixteenth, a quarter and a whole training; one goes on when it is among the best half
    of its rung. What the sampler draws then begins with a sixteenth and a quarter of a training on the largest
    subgraph, has a quarter and a whole one on the full graph, and goes on when it is among the best quarter: a subgraph
    tells good from bad, and not the best from the good.

    To race sixteen to the end costs five or six whole trainings, so with a budget of no more nothing is drawn.

    The sampler has seen all rungs: each configuration counts where it got furthest, and values are compared within a
    rung. At the end of the budget the best that can still go on does, whether it has earned it or not. All this was
    chosen on the tables of ComplEx on UMLS and CoDEx-S, with other seeds than those that are reported, the race of what
    is given on random two thirds of their rows.

    Source: asynchronous halving of Li et al. (2020), https://arxiv.org/abs/1810.05934, with proposals as in Klein et
    al. (2020), https://arxiv.org/abs/2003.10865, by a forest in place of a Gaussian process.

    Args:
        sampler: a name from `SAMPLERS`.
        use_subgraph: False to race on the full graph alone.
        use_first: False to begin with what the sampler draws.
    """
    proposer = SAMPLERS[sampler](problem.space, seed=problem.seed, **problem.options)  # type: ignore[arg-type]
    short, full = ladder_of(problem, use_subgraph=use_subgraph), ladder_of(problem, use_subgraph=False)
    rungs = list(
        dict.fromkeys([*(rung for rung in short if rung.fidelity != FULL), *sorted({*short, *full})])
    )
    waiting = list(problem.first) if use_first else []
    runners: list[Runner] = []
    spent = 0.0
    while spent < problem.budget:
        runner = _promotable(runners, rungs)
        if runner is None and problem.budget - spent <= min(1.0, KEPT * problem.budget):
            runner = _next_best(runners, rungs)
        if runner is None and waiting:
            runners.append(runner := Runner(waiting.pop(0), full, GIVEN))
        if runner is None:
            new = problem.next(proposer, _observations(problem, runners, rungs), len(runners))
            if new is not None:
                runners.append(runner := Runner(new, short, NEW))
            elif (runner := _next_best(runners, rungs)) is None:
                return
        rung = runner.ladder[len(runner.values)]
        answer = yield Request(runner.row, rung.fidelity, rung.share)
        runner.values.append(answer.value)
        spent += answer.cost


def ladder_of(problem: Problem, *, use_subgraph: bool) -> list[Rung]:
    """From the cheapest to the whole training on the full graph; none is too short to be worth its start."""
    below = problem.subgraphs[-1] if use_subgraph and problem.subgraphs else problem.fidelities[-1]
    wanted = [(below, share) for share in SHORT]
    wanted += [(problem.fidelities[-1], share) for share in ON_FULL if below.name != FULL or share == 1.0]
    worth = [(graph.name, min(1.0, max(share, problem.least / graph.cost))) for graph, share in wanted]
    return [Rung(name, share) for name, share in dict.fromkeys(worth)]


def _observations(problem: Problem, runners: Sequence[Runner], rungs: Sequence[Rung]) -> Observations:
    """Each configuration where it got furthest, the lowest rung first; a rung is a group."""
    known = nothing(problem.space)
    for runner in sorted(runners, key=lambda runner: rungs.index(runner.rung)):
        known += observed(runner.row, runner.values[-1], group=rungs.index(runner.rung))
    return known


def _promotable(runners: Sequence[Runner], rungs: Sequence[Rung]) -> Runner | None:
    """The best of the highest rung from which somebody has earned to go on."""
    for rung in rungs[::-1]:
        been = [(value, runner) for runner in runners if (value := runner.at(rung)) is not None]
        best_first = sorted((pair for pair in been if not np.isnan(pair[0])), key=lambda pair: -pair[0])
        for place, (_, runner) in enumerate(best_first):
            if runner.rung == rung and runner.can_go_on and place < len(been) // runner.one_of:
                return runner
    return None


def _next_best(runners: Sequence[Runner], rungs: Sequence[Rung]) -> Runner | None:
    """The best that can still go on, whether it has earned it or not, from the highest rung."""
    for rung in rungs[::-1]:
        waiting = [runner for runner in runners if runner.rung == rung and runner.can_go_on]
        if waiting:
            return max(waiting, key=lambda runner: runner.values[-1])
    return None
