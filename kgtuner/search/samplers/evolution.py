"""Regularised evolution."""

from __future__ import annotations

import numpy as np

from kgtuner.search.acquisition import standardised
from kgtuner.search.proposals import Observations, random_row
from kgtuner.search.samplers.base import SpaceSampler
from kgtuner.space.codes import distinct
from kgtuner.space.space import Space
from kgtuner.types import FloatArray

TRIES = 50


class EvolutionSampler(SpaceSampler):
    """A tournament among the youngest trials, and one hyper-parameter of its winner changed.

    Age counts, not only quality: what was measured long ago has to prove itself again in its children.

    Args:
        space, seed, prior: as in `SpaceSampler`.
        population: trials that may win, the youngest ones, and random ones before the first tournament.
        tournament: how many of them take part.

    Source: Real et al. (2019), algorithm 1, https://arxiv.org/abs/1802.01548
    """

    def __init__(
        self,
        space: Space | None = None,
        *,
        seed: int | None = None,
        prior: Observations | None = None,
        population: int = 20,
        tournament: int = 5,
    ) -> None:
        super().__init__(space, seed=seed, prior=prior)
        self.population = population
        self.tournament = tournament

    def row(self, space: Space, observations: Observations, number: int) -> FloatArray:
        rng = self.generator(number)
        able = ~np.isnan(observations.values) & space.codes.inside(observations.codes)
        measured = np.flatnonzero(able)
        if len(observations) < self.population or not len(measured):
            return random_row(space.codes, observations.codes, rng)
        values = standardised(observations.values, observations.groups)
        young = measured[-self.population :]
        rivals = rng.choice(young, size=min(self.tournament, len(young)), replace=False)
        winner = observations.codes[rivals[np.argmax(values[rivals])]]
        children = space.codes.mutated(np.repeat(winner[None], TRIES, axis=0), rng)
        fresh = distinct(children, observations.codes)
        if len(fresh):
            row: FloatArray = children[fresh[0]]
            return row
        return random_row(space.codes, observations.codes, rng)
