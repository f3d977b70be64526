"""One sampler on the full graph: what the rivals of a two-stage search do."""

from __future__ import annotations

from kgtuner.search.samplers import SAMPLERS
from kgtuner.search.strategies.base import Asking, Problem, Request, nothing, observed


def single(problem: Problem, sampler: str) -> Asking:
    """Whole trainings on the full graph, one after the other, until the budget is spent."""
    proposer = SAMPLERS[sampler](problem.space, seed=problem.seed, **problem.options)  # type: ignore[arg-type]
    known, spent = nothing(problem.space), 0.0
    while spent < problem.budget:
        row = problem.next(proposer, known, len(known))
        if row is None:
            return
        answer = yield Request(row)
        known += observed(row, answer.value)
        spent += answer.cost
