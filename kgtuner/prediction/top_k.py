"""The k highest scores of every row, exactly, equal ones in ascending order of their columns."""

from __future__ import annotations

from torch import Tensor

BLOCK = 64
"""Columns in one block; `best_columns` wants rows of whole blocks."""


def best_columns(scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k highest scores of each row, and their columns.

    A first look takes the maximum of each block. All k best lie in the k blocks with the highest maxima,
    equal maxima in ascending order: any other block is preceded by k blocks, each of which holds a score
    that comes before all of its own. So one fast pass over everything leaves k blocks to be sorted.

    Args:
        scores: (b, n), n a multiple of BLOCK, without NaN.
        k: 1 to n.

    Returns:
        (b, k) values, descending, and (b, k) int64 columns, ascending where values are equal.
    """
    blocks = scores.view(len(scores), -1, BLOCK)
    if blocks.shape[1] <= 2 * k:
        return stable_top_k(scores, k)
    _, chosen = stable_top_k(blocks.amax(2), k)
    chosen = chosen.sort(1).values  # equal scores of two blocks keep the order of their columns
    inside = blocks.gather(1, chosen[:, :, None].expand(-1, -1, BLOCK)).flatten(1)
    values, at = stable_top_k(inside, k)
    return values, chosen.gather(1, at // BLOCK) * BLOCK + at % BLOCK


def stable_top_k(scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """As `best_columns`, for rows of any length, without the first look."""
    if k >= scores.shape[1]:
        whole = scores.sort(dim=1, descending=True, stable=True)
        return whole.values, whole.indices
    highest = scores.topk(k + 1, 1)
    tied = highest.values[:, k - 1] == highest.values[:, k]  # here topk may have taken any of the equal ones
    columns = highest.indices[:, :k].sort(1).values
    values, order = scores.gather(1, columns).sort(dim=1, descending=True, stable=True)
    columns = columns.gather(1, order)
    if bool(tied.any()):
        whole = scores[tied].sort(dim=1, descending=True, stable=True)
        values[tied], columns[tied] = whole.values[:, :k], whole.indices[:, :k]
    return values, columns
