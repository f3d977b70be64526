"""TransE."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from kgtuner.domains import Domain, Float
from kgtuner.errors import ConfigError
from kgtuner.models.base import Model
from kgtuner.models.distance import l1_distance, l2_distance


class TransE(Model):
    """A relation as a translation: margin - ||h + r - t||. The inverse of r is -r.

    Args:
        margin: the score of a perfect match, the paper's gamma.
        norm: 1 for the sum of absolute differences, 2 for the Euclidean norm.

    Source: Bordes et al. (2013), https://papers.nips.cc/paper/5071; the offset as in Sun et al. (2019).
    """

    SPACE: ClassVar[Mapping[str, Domain]] = {"margin": Float(1.0, 24.0)}
    ALL_ENTITIES = False
    DOT_PRODUCT = False
    DISTANCE = True

    def __init__(self, *sizes: int, margin: float = 9.0, norm: int = 1, **options: Any) -> None:
        super().__init__(*sizes, **options)
        if norm not in (1, 2):
            raise ConfigError(f"model.norm must be 1 or 2, got {norm!r}")
        self.margin = float(margin)
        self.norm = norm

    def score(self, h: Tensor, r: Tensor, t: Tensor) -> Tensor:
        distance: Tensor = torch.linalg.vector_norm(h + r - t, ord=self.norm, dim=-1)
        return self.margin - distance

    def tail_query(self, h: Tensor, r: Tensor) -> Tensor:
        return h + r

    def invert(self, r: Tensor) -> Tensor:
        return -r

    def score_candidates(self, query: Tensor, candidates: Tensor) -> Tensor:
        away: Tensor = l1_distance(query, candidates) if self.norm == 1 else l2_distance(query, candidates)
        scores: Tensor = self.margin - away
        return scores

    def slope(self, difference: Tensor) -> tuple[Tensor, Tensor]:
        if self.norm == 1:  # twice as fast as the vector norm
            return self.margin - difference.abs().sum(-1), difference.sign_()
        away: Tensor = torch.linalg.vector_norm(difference, dim=-1)
        return self.margin - away, difference.div_(away.clamp_min(1e-30)[..., None])

    def distance_kernel(self) -> tuple[str, float]:
        return "l1" if self.norm == 1 else "l2", self.margin
