"""DURA."""

from __future__ import annotations

from torch import Tensor

from kgtuner.regularizers.base import Regularizer


class DURA(Regularizer):
    """||query(h, r)||_2^2 + ||t||_2^2: answers of one query are pulled together.

    Source: Zhang et al. (2020), https://arxiv.org/abs/2011.05816, in the form of
    "Efficient Hyper-parameter Search for Knowledge Graph Embedding" (ACL 2022).
    """

    def penalty(self, h: Tensor, r: Tensor, t: Tensor, query: Tensor) -> Tensor:
        return query.square().sum(-1) + t.square().sum(-1)
