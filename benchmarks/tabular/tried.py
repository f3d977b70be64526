"""Ideas for a search that were tried on the tables, and that the package does not have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields

import numpy as np

from kgtuner.search.acquisition import expected_improvement, standardised
from kgtuner.search.proposals import Observations, Scores, best_of, scores_of
from kgtuner.search.samplers import SAMPLERS, SpaceSampler
from kgtuner.search.strategies import Asking, Problem, Request
from kgtuner.search.strategies.base import nothing, observed
from kgtuner.search.strategies.racing import racing
from kgtuner.search.surrogates.random_forest import RandomForest
from kgtuner.space.encoding import Encoder
from kgtuner.types import FloatArray

STARTUP = 10
"""Trainings before the first proposal, as in the samplers of the package."""
LEAST_COST = 1e-4
"""Whole trainings; what a failure at the first step counts as."""


class FidelitySeen(Problem):
    """What a race draws is chosen by a forest that learns values as they are, with the rung as one more feature.

    `racing` compares values within a rung only. Here one forest learns how much a rung is worth, and candidates are
    judged as they would be on the highest that something has reached.

    Source: the fidelity as an input as in Klein et al. (2017), https://arxiv.org/abs/1605.07079, of a forest here.
    """

    def next(self, sampler: SpaceSampler, observations: Observations, number: int) -> FloatArray | None:
        left = self.left(observations.codes)
        rungs = observations.groups
        values = standardised(observations.values, np.zeros(len(rungs), dtype=np.int64))  # over all rungs
        if len(observations) < STARTUP or not len(left) or np.ptp(values) == 0:
            return super().next(sampler, observations, number)
        encoder, forest, rng = Encoder(self.space), _forest(self), sampler.generator(number)
        forest.fit(np.column_stack([encoder.features(observations.codes), rungs]), values, rng)

        def scores(codes: FloatArray) -> FloatArray:
            on_the_highest = np.column_stack([encoder.features(codes), np.full(len(codes), rungs.max())])
            return expected_improvement(
                *forest.distribution(on_the_highest), float(values[rungs == rungs.max()].max())
            )

        row: FloatArray = left[best_of(left, scores, rng)]
        return row


def fidelity_seen(problem: Problem, search: Callable[[Problem], Asking] = racing) -> Asking:
    """A race whose forest sees the rung of an observation."""
    given = {field.name: getattr(problem, field.name) for field in fields(problem)}
    return search(FidelitySeen(**given))


def per_second(problem: Problem) -> Asking:
    """Whole trainings on the full graph by expected improvement for each second that a second forest expects.

    Source: Snoek et al. (2012), section 3.2, https://arxiv.org/abs/1206.2944
    """
    proposer = SAMPLERS["rf_ei"](problem.space, seed=problem.seed, **problem.options)  # type: ignore[arg-type]
    known, costs = nothing(problem.space), list[float]()
    while sum(costs) < problem.budget and len(left := problem.left(known.codes)):
        if len(known) < STARTUP:
            chosen = proposer.choose(problem.space, known, len(known), left)
        else:
            rng = proposer.generator(len(known))
            chosen = best_of(left, _improvement_per_second(problem, known, costs, rng), rng)
        answer = yield Request(left[chosen])
        known += observed(left[chosen], answer.value)
        costs.append(max(answer.cost, LEAST_COST))


def _improvement_per_second(
    problem: Problem, known: Observations, costs: Sequence[float], rng: np.random.Generator
) -> Scores | None:
    rule = "expected_improvement"
    improvement = scores_of(problem.space, known, rng, _forest(problem), acquisition=rule)
    if improvement is None:
        return None
    encoder, seconds = Encoder(problem.space), _forest(problem)
    seconds.fit(encoder.features(known.codes), np.log(costs), rng)
    return lambda codes: improvement(codes) / np.exp(seconds.predict(encoder.features(codes)))


def _forest(problem: Problem) -> RandomForest:
    options = problem.options.get("surrogate_options", {})
    assert isinstance(options, dict)
    return RandomForest(**options)
