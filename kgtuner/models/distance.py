"""Distances between queries and candidates: by a compiled kernel, or in blocks that stay in the cache."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from kgtuner import kernels

BLOCK_NUMBERS = 1 << 20
"""Numbers in one block of differences: 4 MB in float32."""
BLOCK_QUERIES = 64

FLOOR = 1e-30
"""The square root has no gradient at zero; a floor far below float32's resolution gives it one: zero."""


def l1_distance(query: Tensor, candidates: Tensor) -> Tensor:
    """Sum of absolute differences, (b, width) against (m, width) or (b, m, width), to (b, m)."""
    return _distance("l1", _l1, query, candidates)


def l2_distance(query: Tensor, candidates: Tensor) -> Tensor:
    """Euclidean distance, (b, width) against (m, width) or (b, m, width), to (b, m)."""
    return _distance("l2", _l2, query, candidates)


def complex_distance(query: Tensor, candidates: Tensor) -> Tensor:
    """Sum of the moduli of complex differences; rows hold the real parts, then the imaginary parts.

    Shapes as in `l1_distance`; width is twice the number of complex coordinates.
    """
    return _distance("moduli", _moduli, query, candidates)


def _l1(query: Tensor, candidates: Tensor) -> Tensor:
    return (query - candidates).abs_().sum(-1)


def _l2(query: Tensor, candidates: Tensor) -> Tensor:
    # The matmul form would lose digits where distances are small, which turns into wrong ties.
    return (query - candidates).square_().sum(-1).clamp_min_(FLOOR).sqrt_()


def _moduli(query: Tensor, candidates: Tensor) -> Tensor:
    half = query.shape[-1] // 2
    re = query[..., :half] - candidates[..., :half]
    im = query[..., half:] - candidates[..., half:]
    return re.square_().addcmul_(im, im).clamp_min_(FLOOR).sqrt_().sum(-1)


def _distance(
    name: str, norm: Callable[[Tensor, Tensor], Tensor], query: Tensor, candidates: Tensor
) -> Tensor:
    if candidates.dim() == 3:
        return norm(query[:, None], candidates)
    if _has_kernel(query, candidates):
        return _by_kernel(name, query, candidates)
    return _in_blocks(norm, query, candidates)


def _has_kernel(query: Tensor, candidates: Tensor) -> bool:
    derived = torch.is_grad_enabled() and (query.requires_grad or candidates.requires_grad)
    known = query.dtype == candidates.dtype and query.dtype in (torch.float32, torch.float64)
    return query.is_cpu and known and not derived and kernels.available()


def _by_kernel(name: str, query: Tensor, candidates: Tensor) -> Tensor:
    from kgtuner.kernels.distances import DISTANCES, all_distances  # imports Numba

    found = query.new_empty(len(query), len(candidates), requires_grad=False)
    table, vectors = (rows.detach().contiguous().numpy() for rows in (candidates, query))
    all_distances(DISTANCES[name], table, vectors, found.numpy())
    return found


def _in_blocks(norm: Callable[[Tensor, Tensor], Tensor], query: Tensor, candidates: Tensor) -> Tensor:
    distances = query.new_empty(len(query), len(candidates))
    step = max(1, BLOCK_NUMBERS // query.shape[1] // max(1, min(len(query), BLOCK_QUERIES)))
    for top in range(0, len(query), BLOCK_QUERIES):
        for left in range(0, len(candidates), step):
            rows, columns = slice(top, top + BLOCK_QUERIES), slice(left, left + step)
            distances[rows, columns] = norm(query[rows, None], candidates[None, columns])
    return distances
