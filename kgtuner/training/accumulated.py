"""Gradients of the parts of a batch, added up until the optimiser makes its one step.

A batch in parts (`training.queries_at_once`) needs the memory of a part for everything that is as long as the batch:
rows, scores, differences, RESCAL's matrix for each query. What is added up is the gradient of the rows that the whole
batch touches, so the optimiser sees what it would have seen.
"""

from __future__ import annotations

import torch
from torch import Tensor

from kgtuner.training.row_gradient import RowSums

BLOCK_NUMBERS = 1 << 22
"""Numbers of a part's gradient made at once: 16 MB in float32."""


class Accumulated:
    """The gradient of a table, from parts.

    Args:
        table: (n, width).
        touched: (p,) ids of all rows that any part touches, in any order; None for all rows of the table.
    """

    def __init__(self, table: Tensor, touched: Tensor | None) -> None:
        self.rows = None if touched is None else _distinct(touched)
        count = len(table) if self.rows is None else len(self.rows)
        self.values = table.new_zeros(count, table.shape[1])

    def add(self, rows: Tensor | None, gradient: Tensor | RowSums) -> None:
        """Add the gradient (k, width) of distinct rows (k,), or of all rows."""
        step = max(1, BLOCK_NUMBERS // self.values.shape[1])
        for start in range(0, len(gradient), step):
            part = slice(start, min(start + step, len(gradient)))
            if rows is None:
                self.values[part] += gradient[part]
                continue
            places = rows[part] if self.rows is None else torch.searchsorted(self.rows, rows[part])
            self.values.index_add_(0, places, gradient[part])

    @property
    def gradient(self) -> tuple[Tensor | None, Tensor]:
        """The rows, None for all, and their gradient, as in `Gradient`."""
        return self.rows, self.values


def _distinct(ids: Tensor) -> Tensor:
    """(k,) the distinct ones of (p,) ids, rising."""
    ordered = ids.sort().values
    first = torch.ones_like(ordered, dtype=torch.bool)
    torch.ne(ordered[1:], ordered[:-1], out=first[1:])
    return ordered[first]
