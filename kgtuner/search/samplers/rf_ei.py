"""Random forest and expected improvement, SMAC's pair."""

from __future__ import annotations

from kgtuner.search.samplers.model_based import ModelSampler


class ForestImprovementSampler(ModelSampler):
    """Expected improvement under a forest whose uncertainty is how far its trees spread.

    Source: Hutter et al. (2011), https://doi.org/10.1007/978-3-642-25566-3_40
    """

    SURROGATE = "random_forest"
    ACQUISITION = "expected_improvement"
