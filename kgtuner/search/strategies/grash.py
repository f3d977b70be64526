"""GraSH: successive halving over subgraphs and epochs."""

from __future__ import annotations

import math

import numpy as np

from kgtuner.search.strategies.base import FULL, Asking, Fidelity, Problem, Request

CONFIGURATIONS = 64
ETA = 4


def grash(problem: Problem) -> Asking:
    """64 random configurations, a quarter of them kept in each round; every round costs the same.

    With three rounds and a budget of three whole trainings a training of the rounds costs 1/64, 1/16 and 1/4
    of a whole one. Subgraph and epochs share that factor: the subgraph is the one whose cost is nearest to its
    root, and the rest is made up by training for a shorter time. The best one of the last round is trained
    on the full graph to its end, which the published cost does not count. Where a training of the first round
    would be shorter than what surrounds it, there are 16 or 4 configurations.

    Source: Kochsiek et al. (2022), algorithm 1 and section 4, https://arxiv.org/abs/2207.04979
    """
    rng = np.random.default_rng(problem.seed)
    configurations = CONFIGURATIONS
    while (
        configurations > ETA and problem.budget / rounds_of(configurations) / configurations < problem.least
    ):
        configurations //= ETA
    rows, rounds = problem.random_rows(configurations, rng), rounds_of(configurations)
    for _ in range(rounds):
        share = (
            problem.budget / rounds / len(rows)
        )  # of a whole training, for each configuration of this round
        fidelity = _fitting(problem, min(1.0, share))
        values = []
        for row in rows:
            answer = yield Request(row, fidelity.name, min(1.0, share / fidelity.cost))
            values.append(answer.value)
        best_first = np.argsort(-np.nan_to_num(np.array(values), nan=-np.inf), kind="stable")
        rows = rows[best_first[: max(1, math.ceil(len(rows) / ETA))]]
    yield Request(rows[0], FULL)


def rounds_of(configurations: int) -> int:
    """How many rounds it takes until fewer than `ETA` are left."""
    return max(1, round(math.log(configurations, ETA)))


def _fitting(problem: Problem, share: float) -> Fidelity:
    """The graph whose cost is nearest to the root of the share in ratio, of those that are not too large for it."""
    able = [fidelity for fidelity in problem.fidelities if fidelity.cost >= share] or [problem.fidelities[-1]]
    return min(able, key=lambda fidelity: abs(math.log(fidelity.cost) - 0.5 * math.log(share)))
