"""DistMult."""

from __future__ import annotations

from torch import Tensor

from kgtuner.models.base import Model


class DistMult(Model):
    """Bilinear scoring with a diagonal relation matrix: <h, r, t>.

    Symmetric in h and t, so it cannot tell (a, parent_of, b) from its reverse.
    Source: Yang et al. (2015), https://arxiv.org/abs/1412.6575
    """

    def score(self, h: Tensor, r: Tensor, t: Tensor) -> Tensor:
        return (h * r * t).sum(-1)

    def tail_query(self, h: Tensor, r: Tensor) -> Tensor:
        return h * r
