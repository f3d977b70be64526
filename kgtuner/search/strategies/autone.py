"""AutoNE: a Gaussian process over configurations and what describes the graph they were tried on."""

from __future__ import annotations

import numpy as np

from kgtuner.search.acquisition import standardised, upper_confidence_bound
from kgtuner.search.strategies.base import FULL, Asking, Problem, Request, nothing, observed
from kgtuner.search.surrogates import SURROGATES
from kgtuner.space.encoding import Encoder
from kgtuner.types import FloatArray

SUBGRAPH_SHARE = 0.5
"""Of the budget, spent on subgraphs at random configurations."""
CANDIDATES = 1_000


def autone(problem: Problem) -> Asking:
    """Random configurations on subgraphs in turn, then the full graph by an upper confidence bound.

    The Gaussian process sees a configuration beside the features of its graph, so what was learned on the
    subgraphs is carried over as far as they are like the full graph. The source's features are spectral
    (wavelets of the Laplacian); the ones here are logarithms of entities and triples.

    Source: Tu et al. (2019), https://doi.org/10.1145/3292500.3330848
    """
    rng = np.random.default_rng(problem.seed)
    groups = {fidelity.name: number for number, fidelity in enumerate(problem.fidelities)}
    known, spent = nothing(problem.space), 0.0
    subgraphs = problem.subgraphs
    rows = problem.random_rows(1_000, rng)
    for number, row in enumerate(rows):
        if not subgraphs or spent >= SUBGRAPH_SHARE * problem.budget:
            break
        fidelity = subgraphs[number % len(subgraphs)]
        answer = yield Request(row, fidelity.name)
        known += observed(row, answer.value, groups[fidelity.name])
        spent += answer.cost
    encoder = Encoder(problem.space)
    tried = known.codes[:0]
    while spent < problem.budget:
        drawn = problem.random_rows(CANDIDATES, rng) if problem.pool is None else problem.left(tried)
        if not len(drawn):
            return
        choice = 0
        if len(known) > 1:
            surrogate = SURROGATES["gaussian_process"]()
            surrogate.fit(
                _beside(encoder.features(known.codes), known.groups, problem),
                standardised(known.values, known.groups),
                rng,
            )
            here = np.full(len(drawn), groups[FULL])
            mean, spread = surrogate.distribution(_beside(encoder.features(drawn), here, problem))
            choice = int(upper_confidence_bound(mean, spread, 0.0).argmax())
        row = drawn[choice]
        answer = yield Request(row)
        known += observed(row, answer.value, groups[FULL])
        tried = np.concatenate([tried, row[None]])
        spent += answer.cost


def _beside(
    features: FloatArray, groups: np.ndarray[tuple[int], np.dtype[np.int64]], problem: Problem
) -> FloatArray:
    """(n, D) features with those of each row's graph, (n, D + F), the latter as distances from the full graph."""
    table = np.array([fidelity.features for fidelity in problem.fidelities], dtype=np.float64)
    return np.concatenate([features, (table - table[-1])[groups]], axis=1)
