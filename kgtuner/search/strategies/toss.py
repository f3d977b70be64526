"""TOSS, the two-stage search of the paper."""

from __future__ import annotations

import numpy as np

from kgtuner.search.proposals import ranked
from kgtuner.search.samplers import SAMPLERS
from kgtuner.search.strategies.base import Asking, Problem, Request, nothing, observed
from kgtuner.search.surrogates import SURROGATES

TRANSFERRED = 10
"""Configurations that go from the subgraph to the full graph."""


def toss(problem: Problem, sampler: str = "rf_bore", *, transferred: int = TRANSFERRED) -> Asking:
    """Half of the budget on a subgraph, the best ten to the full graph, and on from there.

    Stage one proposes by random forest and BORE. Stage two trains the transferred configurations in the
    surrogate's order, with batch size and dimension raised, and then goes on proposing with what both stages
    observed. Values of the two graphs are compared within each of them only.

    Source: "Efficient Hyper-parameter Search for Knowledge Graph Embedding" (ACL 2022), algorithm 2.

    Args:
        sampler: a name from `SAMPLERS`, the paper's by default.
        transferred: configurations that go from the subgraph to the full graph.
    """
    proposer = SAMPLERS[sampler](problem.space, seed=problem.seed, **problem.options)  # type: ignore[arg-type]
    small, full, spent = nothing(problem.space), nothing(problem.space), 0.0
    while problem.subgraphs and spent < problem.budget / 2:
        row = problem.next(proposer, small, len(small))
        if row is None:
            break
        answer = yield Request(row, problem.subgraphs[-1].name)
        small += observed(row, answer.value, group=1)
        spent += answer.cost
    best_first = np.argsort(-np.nan_to_num(small.values, nan=-np.inf), kind="stable")
    waiting = [small.codes[i] for i in best_first[:transferred] if not np.isnan(small.values[i])]
    while spent < problem.budget and waiting:
        rng = np.random.default_rng([problem.seed, len(small), len(full)])
        order = ranked(
            problem.space,
            small + full,
            np.array(waiting),
            rng,
            SURROGATES["random_forest"](**_forest(problem)),
        )
        row = waiting.pop(int(order[0]))
        answer = yield Request(row, larger=True)
        full += observed(row, answer.value)
        spent += answer.cost
    while spent < problem.budget:
        number = len(small) + len(full)
        row_or_none = problem.next(proposer, small + full, number)
        if row_or_none is None:
            return
        answer = yield Request(row_or_none, larger=True)
        full += observed(row_or_none, answer.value)
        spent += answer.cost


def _forest(problem: Problem) -> dict[str, object]:
    options = problem.options.get("surrogate_options", {})
    assert isinstance(options, dict)
    return options
