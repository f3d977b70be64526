"""The gradient of a large table when a step touches few of its rows."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag


class RowGradient:
    """Sums contributions to rows of a table without ever building the whole table's gradient.

    Contributions are a sparse matrix (row of the table x source vector) times the stacked source
    vectors, so `reduce` is one sort and one weighted sum per touched row, and a thousand negatives of
    a query cost one source vector, not a thousand.
    """

    def __init__(self) -> None:
        self._memory: Tensor | None = None
        self.clear()

    def clear(self) -> None:
        """Forget all contributions, but keep the memory they were stacked in."""
        self._ids: list[Tensor] = []
        self._index: list[Tensor] = []
        self._weights: list[Tensor] = []
        self._sources: list[Tensor] = []
        self._n_sources = 0

    def add(self, ids: Tensor, values: Tensor) -> None:
        """Add values[i] (m, width) to row ids[i] (m,)."""
        self._extend(ids, torch.arange(len(ids), device=ids.device), values.new_ones(len(ids)), values)

    def add_outer(self, ids: Tensor, weights: Tensor, vectors: Tensor) -> None:
        """Add weights[b, j] * vectors[b] to row ids[b, j]; ids and weights (b, n), vectors (b, width)."""
        index = torch.arange(len(vectors), device=ids.device)[:, None].expand_as(ids)
        self._extend(ids.flatten(), index.flatten(), weights.flatten(), vectors)

    def _extend(self, ids: Tensor, index: Tensor, weights: Tensor, sources: Tensor) -> None:
        self._ids.append(ids)
        self._index.append(index + self._n_sources if self._n_sources else index)
        self._weights.append(weights)
        self._sources.append(sources)
        self._n_sources += len(sources)

    def reduce(self, dense_rows: int | None = None) -> tuple[Tensor | None, Tensor]:
        """Distinct rows (k,) in rising order and their gradients (k, width).

        With `dense_rows` given, None and the gradient of the whole table, (dense_rows, width).
        """
        sorted_ids, order = torch.cat(self._ids).int().sort(stable=True)  # twice as fast as int64
        index = torch.cat(self._index)[order]
        weights = torch.cat(self._weights)[order]
        sources = self._stacked()
        if dense_rows is not None:
            counts = torch.bincount(sorted_ids, minlength=dense_rows)
            offsets = counts.cumsum(0) - counts
            return None, embedding_bag(index, sources, offsets, mode="sum", per_sample_weights=weights)
        first = torch.ones_like(sorted_ids, dtype=torch.bool)
        torch.ne(sorted_ids[1:], sorted_ids[:-1], out=first[1:])
        offsets = first.nonzero().squeeze(1)
        summed = embedding_bag(index, sources, offsets, mode="sum", per_sample_weights=weights)
        return sorted_ids[offsets].long(), summed

    def _stacked(self) -> Tensor:
        """All source vectors (n, width), in memory that the next step uses again."""
        like = self._sources[0]
        memory = self._memory
        if memory is None or len(memory) < self._n_sources or memory.dtype != like.dtype:
            memory = self._memory = like.new_empty(self._n_sources, like.shape[1])
        return torch.cat(self._sources, out=memory[: self._n_sources])
