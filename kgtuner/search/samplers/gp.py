"""A Gaussian process and expected improvement over random candidates, the family of Ax."""

from __future__ import annotations

from kgtuner.search.samplers.model_based import ModelSampler


class GaussianSampler(ModelSampler):
    """Expected improvement under a Gaussian process, the best of many random candidates.

    Source: Jones, Schonlau and Welch (1998), https://doi.org/10.1023/A:1008306431147
    """

    SURROGATE = "gaussian_process"
    ACQUISITION = "expected_improvement"
    MAXIMISER = "scatter"
