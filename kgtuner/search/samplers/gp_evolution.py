"""A Gaussian process and expected improvement under the evolutionary search for candidates."""

from __future__ import annotations

from kgtuner.search.samplers.model_based import ModelSampler


class GaussianEvolutionSampler(ModelSampler):
    """As `gp`, with the candidates of `rf_bore`.

    Source: Jones, Schonlau and Welch (1998), https://doi.org/10.1023/A:1008306431147
    """

    SURROGATE = "gaussian_process"
    ACQUISITION = "expected_improvement"
