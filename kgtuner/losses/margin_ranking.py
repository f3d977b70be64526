"""Margin ranking (MR)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor

from kgtuner.domains import Domain, Float
from kgtuner.losses.base import Loss, masked_mean, weighted


class MarginRanking(Loss):
    """mean_i max(0, margin - s+ + s-_i): negatives closer than the margin are pushed away.

    Source: Bordes et al. (2013), https://papers.nips.cc/paper/5071; the mean over negatives as in
    "Efficient Hyper-parameter Search for Knowledge Graph Embedding" (ACL 2022), table of losses.
    """

    SPACE: ClassVar[Mapping[str, Domain]] = {"margin": Float(1.0, 24.0)}
    ALL_ENTITIES = False

    def __init__(self, *, margin: float = 6.0) -> None:
        self.margin = float(margin)

    def sampled(self, positive: Tensor, negative: Tensor, valid: Tensor | None, weights: Tensor) -> Tensor:
        violation = (self.margin - positive[:, None] + negative).relu()
        return weighted(masked_mean(violation, valid), weights)
