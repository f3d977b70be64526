"""RotatE."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from kgtuner.domains import Domain, Float
from kgtuner.models.base import Model
from kgtuner.models.distance import complex_distance


class RotatE(Model):
    """A relation as a rotation in the complex plane: margin - sum_k |h_k r_k - t_k|, |r_k| = 1.

    An entity row holds dimension/2 real parts, then the imaginary parts. A relation row holds
    dimension/2 phases, stored as phase * initializer_scale / pi so that every initialiser suits them.
    The inverse of r turns the other way.

    Args:
        margin: the score of a perfect match, the paper's gamma.

    Source: Sun et al. (2019), https://arxiv.org/abs/1902.10197
    """

    SPACE: ClassVar[Mapping[str, Domain]] = {"margin": Float(1.0, 24.0)}
    ALL_ENTITIES = False
    DOT_PRODUCT = False
    DISTANCE = True
    DIMENSION_MULTIPLE = 2

    def __init__(self, *sizes: int, margin: float = 9.0, **options: Any) -> None:
        super().__init__(*sizes, **options)
        self.margin = float(margin)

    def relation_width(self) -> int:
        return self.dimension // 2

    def score(self, h: Tensor, r: Tensor, t: Tensor) -> Tensor:
        t_re, t_im = t.chunk(2, -1)
        q_re, q_im = self._rotated(h, r)
        return self.margin - ((q_re - t_re) ** 2 + (q_im - t_im) ** 2).clamp_min(1e-30).sqrt().sum(-1)

    def tail_query(self, h: Tensor, r: Tensor) -> Tensor:
        return torch.cat(self._rotated(h, r), -1)

    def _rotated(self, h: Tensor, r: Tensor) -> tuple[Tensor, Tensor]:
        h_re, h_im = h.chunk(2, -1)
        phase = r * (math.pi / self.initializer_scale)
        cos, sin = phase.cos(), phase.sin()
        return h_re * cos - h_im * sin, h_re * sin + h_im * cos

    def invert(self, r: Tensor) -> Tensor:
        return -r

    def score_candidates(self, query: Tensor, candidates: Tensor) -> Tensor:
        return self.margin - complex_distance(query, candidates)

    def slope(self, difference: Tensor) -> tuple[Tensor, Tensor]:
        re, im = difference.chunk(2, -1)
        modulus = re.square().addcmul_(im, im).clamp_min_(1e-30).sqrt_()
        re.div_(modulus)
        im.div_(modulus)
        return self.margin - modulus.sum(-1), difference

    def distance_kernel(self) -> tuple[str, float]:
        return "moduli", self.margin
