"""Random forest and an upper confidence bound."""

from __future__ import annotations

from kgtuner.search.samplers.model_based import ModelSampler


class ForestBoundSampler(ModelSampler):
    """The mean of a forest and a standard deviation of its trees.

    Source: Srinivas et al. (2010), https://arxiv.org/abs/0912.3995
    """

    SURROGATE = "random_forest"
    ACQUISITION = "upper_confidence_bound"
