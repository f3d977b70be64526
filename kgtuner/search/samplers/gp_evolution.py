"""A Gaussian process and expected improvement under the evolutionary search for candidates."""

from __future__ import annotations

from typing import Any

from kgtuner.search.samplers.model_based import ModelSampler
from kgtuner.space.space import Space


class GaussianEvolutionSampler(ModelSampler):
    """As `gp`, with the candidates of `rf_bore`, half as many: what a Gaussian process says of one takes longer.

    Source: Jones, Schonlau and Welch (1998), https://doi.org/10.1023/A:1008306431147
    """

    SURROGATE = "gaussian_process"
    ACQUISITION = "expected_improvement"

    def __init__(
        self, space: Space | None = None, *, population: int = 5_000, offspring: int = 2_000, **options: Any
    ) -> None:
        super().__init__(space, population=population, offspring=offspring, **options)
