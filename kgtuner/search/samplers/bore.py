"""Random forest and BORE, the search of the paper."""

from __future__ import annotations

from kgtuner.search.acquisition import GAMMA
from kgtuner.search.proposals import Observations, propose, startup_row
from kgtuner.search.samplers.base import SpaceSampler
from kgtuner.search.surrogates import SURROGATES
from kgtuner.space.space import Space
from kgtuner.types import FloatArray


class BoreSampler(SpaceSampler):
    """Proposes what a classifier takes for one of the best quarter.

    Args:
        space, seed, prior: as in `SpaceSampler`.
        n_startup: trials before the first proposal, running, failed and prior ones included; until then
            the points of an even sequence.
        surrogate: a name from `SURROGATES`.
        gamma: the share of the observations that counts as good.
        population, offspring, generations: how hard candidates are searched, see `candidates.evolve`.

    Source: "Efficient Hyper-parameter Search for Knowledge Graph Embedding" (ACL 2022); Tiao et al.
    (2021), https://arxiv.org/abs/2102.09009
    """

    def __init__(
        self,
        space: Space | None = None,
        *,
        seed: int | None = None,
        prior: Observations | None = None,
        n_startup: int = 10,
        surrogate: str = "random_forest",
        gamma: float = GAMMA,
        population: int = 10_000,
        offspring: int = 4_000,
        generations: int = 10,
    ) -> None:
        super().__init__(space, seed=seed, prior=prior)
        self.n_startup = n_startup
        self.surrogate = surrogate
        self.gamma = gamma
        self.population = population
        self.offspring = offspring
        self.generations = generations

    def row(self, space: Space, observations: Observations, number: int) -> FloatArray:
        if len(observations) < self.n_startup:
            return startup_row(space.codes, observations.codes, self.seed, number)
        return propose(
            space,
            observations,
            self.generator(number),
            SURROGATES[self.surrogate](),
            gamma=self.gamma,
            population=self.population,
            offspring=self.offspring,
            generations=self.generations,
        )
