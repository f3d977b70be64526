"""The gradient of a large table when a step touches few of its rows."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

with warnings.catch_warnings():  # torch says once a process that its CSR tensors are in beta: here, unheard
    warnings.simplefilter("ignore", UserWarning)
    torch.zeros(1, 1).to_sparse_csr()


@dataclass(frozen=True)
class RowSums:
    """Weighted sums of source vectors, one for each of k rows; made when a part of them is asked for.

    Attributes:
        sources: (n, width).
        index: (p,) int32, which source each term takes, ordered by row.
        weights: (p,) how much of it; None for all.
        offsets: (k + 1,) int32, where the terms of each row begin; p at the end.
    """

    sources: Tensor
    index: Tensor
    weights: Tensor | None
    offsets: Tensor

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def move(
        self, kernel: str, constants: tuple[float, ...], wholes: list[Tensor], rows: Tensor | None
    ) -> bool:
        """Move a table and its optimiser's state, `wholes`, by these sums in one pass; False when that is not possible.

        Args:
                kernel, constants: those of the optimiser.
            rows: the (k,) rows that are summed for; None for all.
        """
        return False

    def __getitem__(self, part: slice) -> Tensor:
        """(m, width) sums of some neighbouring rows."""
        start, stop, _ = part.indices(len(self))
        index, weights, offsets = self.index, self.weights, self.offsets[start : stop + 1]
        if stop - start < len(self):  # reading the ends of a part makes a GPU wait, so all rows go without
            first, last = int(offsets[0]), int(offsets[-1])
            index, offsets = index[first:last], offsets - first
            weights = None if weights is None else weights[first:last]
        return embedding_bag(
            index, self.sources, offsets, mode="sum", per_sample_weights=weights, include_last_offset=True
        )


class TouchedRows:
    """The rows of a table that a step touches, sorted once, to read them in order and to sum what goes to them.

    Each of p terms touches one row. With n negatives for each of b queries p is about b * n.

    Args:
        ids: (p,) the row of each term.
        n_rows: when given, all rows 0..n_rows count as touched.

    Attributes:
        ids: (p,) as given.
        rows: (k,) int64 the distinct rows in rising order, or None for all of them.
    """

    ALL_PRODUCTS: ClassVar[int] = 4
    """A matmul makes so many products in the time that single ones take one."""
    GATHERED: ClassVar[int] = 1 << 24
    """Numbers gathered at once on a GPU: 64 MB in float32."""

    def __init__(self, ids: Tensor, n_rows: int | None = None) -> None:
        sorted_ids, self._order = ids.int().sort(stable=True)  # twice as fast as int64
        self.ids = ids
        self.rows = None
        if n_rows is None:
            first = torch.ones_like(sorted_ids, dtype=torch.bool)
            torch.ne(sorted_ids[1:], sorted_ids[:-1], out=first[1:])
            starts = first.nonzero().squeeze(1)
            self.rows = sorted_ids[starts].long()
        else:
            counts = torch.bincount(sorted_ids, minlength=n_rows)
            starts = counts.cumsum(0) - counts
        self._offsets = torch.cat([starts, starts.new_full((1,), len(ids))]).int()

    def products(self, table: Tensor, vectors: Tensor, index: Tensor) -> Tensor:
        """(p,) dot product of each term's row of `table` with its vector, vectors[index], without gradient.

        The large table is read in order and each row once; the vectors of a batch stay in the cache.
        """
        all_met, order = self.mostly_met(vectors, len(index)), self._order
        rows = table if self.rows is None else table.index_select(0, self.rows)
        index = index.index_select(0, order)
        if all_met:
            found = torch.take(rows @ vectors.T, self._own_rows(len(index)).long() * len(vectors) + index)
        elif table.is_cpu:
            shape, zeros = (len(rows), len(vectors)), vectors.new_zeros(len(index))
            places = torch.sparse_csr_tensor(self._offsets, index, zeros, shape, check_invariants=False)
            found = torch.sparse.sampled_addmm(places, rows, vectors.T, beta=0.0).values()
        else:
            found = self._gathered(rows, self._own_rows(len(index)), vectors, index)
        return torch.empty_like(found).index_copy_(0, self._order, found)

    def _gathered(self, rows: Tensor, own: Tensor, vectors: Tensor, index: Tensor) -> Tensor:
        """(p,) products of rows[own] and vectors[index], with so many gathered at once that memory is bounded."""
        step = max(1, self.GATHERED // vectors.shape[1])
        parts = zip(torch.split(own, step), torch.split(index, step), strict=True)
        return torch.cat([(rows.index_select(0, r) * vectors.index_select(0, v)).sum(1) for r, v in parts])

    def mostly_met(self, vectors: Tensor, n_terms: int) -> bool:
        """Whether all products of all rows with all vectors are fewer than a matmul makes in the time of the terms.

        So it is with few rows, as of a small graph. And it must be so where a row meets a vector more than once on
        average, for which `sampled_addmm` is not made.
        """
        return len(self) * len(vectors) <= self.ALL_PRODUCTS * n_terms

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def _own_rows(self, n_terms: int) -> Tensor:
        """(p,) int32, the row of each term, as a position among the touched rows."""
        return torch.repeat_interleave(self._offsets.diff(), output_size=n_terms)

    def sums(self, sources: Tensor, index: Tensor | None = None, weights: Tensor | None = None) -> RowSums:
        """For each row the sum of its terms: sources[index], (p,), times weights, (p,).

        Without `index` term i takes source i, without `weights` each counts once.
        """
        order = self._order
        index = order.int() if index is None else index.index_select(0, order)
        weights = None if weights is None else weights.index_select(0, order)
        return RowSums(sources, index, weights, self._offsets)
