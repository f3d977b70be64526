"""Distances between queries and candidates, in blocks that stay in the cache."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

BLOCK_NUMBERS = 1 << 20
"""Numbers in one block of differences: 4 MB in float32."""
BLOCK_QUERIES = 64

FLOOR = 1e-30
"""The square root has no gradient at zero; a floor far below float32's resolution gives it one: zero."""


def l1_distance(query: Tensor, candidates: Tensor) -> Tensor:
    """Sum of absolute differences, (b, width) against (m, width) or (b, m, width), to (b, m)."""
    return _in_blocks(_l1, query, candidates)


def l2_distance(query: Tensor, candidates: Tensor) -> Tensor:
    """Euclidean distance, (b, width) against (m, width) or (b, m, width), to (b, m)."""
    return _in_blocks(_l2, query, candidates)


def complex_distance(query: Tensor, candidates: Tensor) -> Tensor:
    """Sum of the moduli of complex differences; rows hold the real parts, then the imaginary parts.

    Shapes as in `l1_distance`; width is twice the number of complex coordinates.
    """
    return _in_blocks(_moduli, query, candidates)


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


def _in_blocks(norm: Callable[[Tensor, Tensor], Tensor], query: Tensor, candidates: Tensor) -> Tensor:
    if candidates.dim() == 3:
        return norm(query[:, None], candidates)
    distances = query.new_empty(len(query), len(candidates))
    step = max(1, BLOCK_NUMBERS // query.shape[1] // max(1, min(len(query), BLOCK_QUERIES)))
    for top in range(0, len(query), BLOCK_QUERIES):
        for left in range(0, len(candidates), step):
            rows, columns = slice(top, top + BLOCK_QUERIES), slice(left, left + step)
            distances[rows, columns] = norm(query[rows, None], candidates[None, columns])
    return distances
