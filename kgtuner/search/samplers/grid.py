"""Grid search."""

from __future__ import annotations

import math

import numpy as np

from kgtuner.domains import Choices
from kgtuner.search.proposals import Observations, random_row
from kgtuner.search.samplers.base import SpaceSampler
from kgtuner.space.codes import distinct
from kgtuner.space.parameters import Parameter
from kgtuner.space.space import Space
from kgtuner.types import FloatArray

LEVELS = 3
TRIES = 2_000


class GridSampler(SpaceSampler):
    """The points of a grid in a random order: every choice of a list, a few levels of a range.

    A grid over a conditional space of ten and more hyper-parameters has far more points than anybody tries, so
    their order decides; at random, what is tried is spread over the whole grid.

    Args:
        space, seed, prior: as in `SpaceSampler`.
        levels: points of a range, its ends included, even in log scale where ratios matter.
    """

    def __init__(
        self,
        space: Space | None = None,
        *,
        seed: int | None = None,
        prior: Observations | None = None,
        levels: int = LEVELS,
    ) -> None:
        super().__init__(space, seed=seed, prior=prior)
        self.levels = levels

    def row(self, space: Space, observations: Observations, number: int) -> FloatArray:
        rng = self.generator(number)
        drawn = on_grid(space, space.codes.sample(TRIES, rng), self.levels)
        free = distinct(drawn, observations.codes)
        if len(free):
            row: FloatArray = drawn[free[0]]
            return row
        return random_row(space.codes, observations.codes, rng)  # every point has been tried


def on_grid(space: Space, codes: FloatArray, levels: int) -> FloatArray:
    """Rows (n, d) with each number of a range moved to the nearest level."""
    moved = codes.copy()
    for j, parameter in enumerate(space.parameters):
        points = _levels(parameter, levels)
        if points is not None:
            scale = np.log if parameter.log else np.asarray
            distance = np.abs(scale(codes[:, j])[:, None] - scale(points)[None])
            present = ~np.isnan(codes[:, j])
            moved[present, j] = points[distance[present].argmin(1)]
    return moved


def _levels(parameter: Parameter, levels: int) -> FloatArray | None:
    domain = parameter.domain
    if isinstance(domain, Choices):
        return None
    low, high = float(domain.low), float(domain.high)
    if parameter.log:
        points = np.exp(np.linspace(math.log(low), math.log(high), levels))
    else:
        points = np.linspace(low, high, levels)
    return np.unique(np.clip(np.round(points) if parameter.whole else points, low, high))
