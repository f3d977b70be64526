"""A multi-layer perceptron whose best predictions are found by evolution."""

from __future__ import annotations

from kgtuner.search.samplers.model_based import ModelSampler


class PerceptronSampler(ModelSampler):
    """What an ensemble of small networks predicts to be best.

    Source: the surrogates compared in "Efficient Hyper-parameter Search for Knowledge Graph Embedding" (ACL 2022)
    """

    SURROGATE = "mlp"
    ACQUISITION = "predicted"
