"""RESCAL."""

from __future__ import annotations

from torch import Tensor

from kgtuner.models.base import Model


class RESCAL(Model):
    """Bilinear scoring with a full matrix per relation: h^T W_r t.

    A relation row is W_r, row by row: dimension^2 numbers. The inverse of r is the transposed matrix.
    Source: Nickel et al. (2011), https://icml.cc/2011/papers/438_icmlpaper.pdf
    """

    def relation_width(self) -> int:
        return self.dimension**2

    def score(self, h: Tensor, r: Tensor, t: Tensor) -> Tensor:
        return (h[..., :, None] * self._matrix(r) * t[..., None, :]).sum((-2, -1))

    def tail_query(self, h: Tensor, r: Tensor) -> Tensor:
        return (h[:, None, :] @ self._matrix(r)).squeeze(1)

    def invert(self, r: Tensor) -> Tensor:
        return self._matrix(r).transpose(-2, -1).reshape(r.shape)

    def _matrix(self, r: Tensor) -> Tensor:
        return r.reshape(*r.shape[:-1], self.dimension, self.dimension)
