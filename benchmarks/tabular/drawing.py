"""The configurations of the table: a list without an end that depends on nothing but the model and a number."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from kgtuner.space import Space, load_space

SEED = 20_220_522
COSTLY_DIMENSION = 1_000
COSTLY_KEPT = 0.25
"""Share of the draws with a dimension of 1,000 or more that are kept; all others are."""


@cache
def space_of(model: str) -> Space:
    """The full conditional space of the paper for one model."""
    return load_space("full", [model])


def drawn(model: str, number: int) -> dict[str, Any]:
    """Configuration `number` (0, 1, …): uniform over the full space but for the costly corner.

    The same number gives the same values on every graph, at every fidelity and in every sitting.
    """
    rng = np.random.default_rng([SEED, number])
    while True:
        assignment = space_of(model).sample(rng)
        if assignment["model.dimension"] < COSTLY_DIMENSION or rng.random() < COSTLY_KEPT:
            return assignment
