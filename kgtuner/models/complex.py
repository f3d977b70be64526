"""ComplEx."""

from __future__ import annotations

import torch
from torch import Tensor

from kgtuner.models.base import Model


class ComplEx(Model):
    """Bilinear scoring with a complex diagonal: Re <h, r, conj(t)>.

    A row holds dimension/2 real parts, then as many imaginary parts. The inverse of r is conj(r).
    Source: Trouillon et al. (2016), https://arxiv.org/abs/1606.06357
    """

    DIMENSION_MULTIPLE = 2

    def score(self, h: Tensor, r: Tensor, t: Tensor) -> Tensor:
        h_re, h_im = h.chunk(2, -1)
        r_re, r_im = r.chunk(2, -1)
        t_re, t_im = t.chunk(2, -1)
        # Re((a + bi)(c + di)(e - fi)), multiplied out.
        return (h_re * r_re * t_re + h_im * r_re * t_im + h_re * r_im * t_im - h_im * r_im * t_re).sum(-1)

    def tail_query(self, h: Tensor, r: Tensor) -> Tensor:
        h_re, h_im = h.chunk(2, -1)
        r_re, r_im = r.chunk(2, -1)
        return torch.cat([h_re * r_re - h_im * r_im, h_re * r_im + h_im * r_re], -1)

    def invert(self, r: Tensor) -> Tensor:
        r_re, r_im = r.chunk(2, -1)
        return torch.cat([r_re, -r_im], -1)
