"""Distances between queries and candidates, in blocks that stay in the cache."""

from __future__ import annotations

import torch
from torch import Tensor

BLOCK_NUMBERS = 1 << 20
"""Numbers in one block of differences: about 4 MB in float32."""


def l1_distance(query: Tensor, candidates: Tensor) -> Tensor:
    """Sum of absolute differences, (b, width) against (m, width) or (b, m, width), to (b, m)."""
    if candidates.dim() == 3:
        return (query[:, None] - candidates).abs().sum(-1)
    distances: Tensor = torch.cdist(query, candidates, p=1.0)
    return distances


def l2_distance(query: Tensor, candidates: Tensor) -> Tensor:
    """Euclidean distance, (b, width) against (m, width) or (b, m, width), to (b, m)."""
    if candidates.dim() == 3:
        distances: Tensor = torch.linalg.vector_norm(query[:, None] - candidates, dim=-1)
        return distances
    # The matmul form loses digits where distances are small, which would turn into wrong ties.
    return torch.cdist(query, candidates, p=2.0, compute_mode="donot_use_mm_for_euclid_dist")


def complex_distance(query: Tensor, candidates: Tensor) -> Tensor:
    """Sum of the moduli of complex differences; rows hold the real parts, then the imaginary parts.

    Shapes as in `l1_distance`; width is twice the number of complex coordinates.
    """
    if candidates.dim() == 3 or query.requires_grad or candidates.requires_grad:
        return _moduli(query[:, None], candidates if candidates.dim() == 3 else candidates[None])
    distances = query.new_empty(len(query), len(candidates))
    step = max(1, BLOCK_NUMBERS // query.shape[1] // max(1, min(len(query), 64)))
    for top in range(0, len(query), 64):
        rows = query[top : top + 64, None]
        for left in range(0, len(candidates), step):
            distances[top : top + 64, left : left + step] = _moduli(
                rows, candidates[None, left : left + step]
            )
    return distances


def _moduli(query: Tensor, candidates: Tensor) -> Tensor:
    half = query.shape[-1] // 2
    re = query[..., :half] - candidates[..., :half]
    im = query[..., half:] - candidates[..., half:]
    # The square root has no gradient at zero; a floor far below float32's resolution gives it one: zero.
    return (re.square() + im.square()).clamp_min(1e-30).sqrt().sum(-1)
