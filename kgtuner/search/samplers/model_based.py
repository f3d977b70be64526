"""Surrogate, acquisition and maximiser put together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from kgtuner.search.acquisition import GAMMA
from kgtuner.search.proposals import Observations, best_of, propose, scores_of, startup_row
from kgtuner.search.samplers.base import SpaceSampler
from kgtuner.search.surrogates import SURROGATES
from kgtuner.space.space import Space
from kgtuner.types import FloatArray


class ModelSampler(SpaceSampler):
    """Proposes what an acquisition likes best, after an even start; a subclass says which one.

    Class attributes:
        SURROGATE: a name from `SURROGATES`.
        ACQUISITION: a name from `ACQUISITIONS`.
        MAXIMISER: a name from `MAXIMISERS`.

    Args:
        space, seed, prior: as in `SpaceSampler`.
        n_startup: trials before the first proposal, running, failed and prior ones included; until then
            the points of an even sequence.
        gamma: the share of the observations that counts as good, of "bore".
        population, offspring, generations: how hard candidates are searched, see `candidates.evolve`.
        surrogate_options: of the surrogate, e.g. {"trees": 50}.
    """

    SURROGATE: ClassVar[str]
    ACQUISITION: ClassVar[str]
    MAXIMISER: ClassVar[str] = "evolution"

    def __init__(
        self,
        space: Space | None = None,
        *,
        seed: int | None = None,
        prior: Observations | None = None,
        n_startup: int = 10,
        gamma: float = GAMMA,
        population: int = 10_000,
        offspring: int = 4_000,
        generations: int = 10,
        surrogate_options: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(space, seed=seed, prior=prior)
        self.n_startup = n_startup
        self.gamma = gamma
        self.population = population
        self.offspring = offspring
        self.generations = generations
        self.surrogate_options = dict(surrogate_options or {})

    def row(self, space: Space, observations: Observations, number: int) -> FloatArray:
        if len(observations) < self.n_startup:
            return startup_row(space.codes, observations.codes, self.seed, number)
        return propose(
            space,
            observations,
            self.generator(number),
            SURROGATES[self.SURROGATE](**self.surrogate_options),
            acquisition=self.ACQUISITION,
            gamma=self.gamma,
            maximiser=self.MAXIMISER,
            population=self.population,
            offspring=self.offspring,
            generations=self.generations,
        )

    def choose(self, space: Space, observations: Observations, number: int, pool: FloatArray) -> int:
        rng: np.random.Generator = self.generator(number)
        if len(observations) < self.n_startup:
            return int(rng.integers(len(pool)))
        surrogate = SURROGATES[self.SURROGATE](**self.surrogate_options)
        scores = scores_of(
            space, observations, rng, surrogate, acquisition=self.ACQUISITION, gamma=self.gamma
        )
        return best_of(pool, scores, rng)
