"""Random search."""

from __future__ import annotations

from kgtuner.search.proposals import Observations, random_row
from kgtuner.search.samplers.base import SpaceSampler
from kgtuner.space.space import Space
from kgtuner.types import FloatArray


class RandomSampler(SpaceSampler):
    """Uniform over the valid configurations, never the same one twice."""

    def row(self, space: Space, observations: Observations, number: int) -> FloatArray:
        return random_row(space.codes, observations.codes, self.generator(number))

    def choose(self, space: Space, observations: Observations, number: int, pool: FloatArray) -> int:
        return int(self.generator(number).integers(len(pool)))
