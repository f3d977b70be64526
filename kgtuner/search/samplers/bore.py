"""Random forest and BORE, the search of the paper."""

from __future__ import annotations

from kgtuner.search.samplers.model_based import ModelSampler


class BoreSampler(ModelSampler):
    """Proposes what a classification forest takes for one of the best quarter.

    Source: "Efficient Hyper-parameter Search for Knowledge Graph Embedding" (ACL 2022); Tiao et al.
    (2021), https://arxiv.org/abs/2102.09009
    """

    SURROGATE = "random_forest"
    ACQUISITION = "bore"
