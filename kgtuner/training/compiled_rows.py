"""The rows a step touches, sorted, multiplied, summed and moved by compiled kernels. Importing this imports Numba."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from kgtuner.kernels import moving
from kgtuner.kernels.distances import KINDS, distances, slopes
from kgtuner.kernels.grouping import all_offsets, stable_order, touched_rows
from kgtuner.kernels.products import products, spread
from kgtuner.training.row_gradient import RowSums, TouchedRows


class CompiledSums(RowSums):
    """Weighted sums that are made row by row while the optimiser moves the row."""

    def move(
        self, kernel: str, constants: tuple[float, ...], wholes: list[Tensor], rows: Tensor | None
    ) -> bool:
        weights = self.sources.new_ones(len(self.index)) if self.weights is None else self.weights
        terms = (given.numpy() for given in (self.sources, self.index, weights, self.offsets))
        places = np.arange(len(self)) if rows is None else rows.numpy()
        getattr(moving, kernel)(*terms, places, *(whole.detach().numpy() for whole in wholes), *constants)
        return True


class CompiledRows(TouchedRows):
    """As `TouchedRows`, on the CPU: a table is read where it stands, and nothing of its size is made for products."""

    ALL_PRODUCTS = 1

    def __init__(self, ids: Tensor, n_rows: int | None = None) -> None:
        self._ids, array = ids, ids.numpy()
        order = stable_order(array)
        if n_rows is None:
            places, offsets = touched_rows(array, order)
            self.rows = torch.from_numpy(places)
        else:
            places, offsets = np.arange(n_rows), all_offsets(array, n_rows)
            self.rows = None
        self._order, self._offsets = torch.from_numpy(order), torch.from_numpy(offsets)
        self._terms = (places, offsets, order)

    def products(self, table: Tensor, vectors: Tensor, index: Tensor) -> Tensor:
        if self.mostly_met(vectors, len(index)):
            return super().products(table, vectors, index)
        found = vectors.new_empty(len(index))
        products(table.detach().numpy(), *self._terms, index.numpy(), vectors.numpy(), found.numpy())
        return found

    def spread(self, table: Tensor, weights: Tensor) -> Tensor:
        summed = table.new_zeros(len(weights), table.shape[1])
        index, weights = own_vectors(weights), weights.reshape(-1)
        spread(table.detach().numpy(), *self._terms, index.numpy(), weights.numpy(), summed.numpy())
        return summed

    def distances(self, kind: str, table: Tensor, vectors: Tensor, n: int) -> Tensor:
        """(b, n) distances of the rows of the first terms, n neighbouring ones for each of b vectors, (b, width)."""
        found = vectors.new_empty(len(vectors), n)
        given = (own_vectors(found).numpy(), vectors.numpy(), found.view(-1).numpy())
        distances(KINDS[kind], table.detach().numpy(), *self._terms, *given)
        return found

    def slopes(
        self, kind: str, table: Tensor, vectors: Tensor, weights: Tensor, at_rows: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The gradient of weighted `distances`, weights (b, n), at the vectors and at the touched rows, into `at_rows`."""
        at_vectors = torch.zeros_like(vectors)
        given = (own_vectors(weights).numpy(), vectors.numpy(), weights.reshape(-1).numpy())
        slopes(KINDS[kind], table.detach().numpy(), *self._terms, *given, at_vectors.numpy(), at_rows.numpy())
        return at_vectors, at_rows

    def last_places(self, count: int) -> Tensor:
        """(count,) where the rows of the last terms stand among all that are touched."""
        ids = self._ids[-count:]
        return ids if self.rows is None else torch.searchsorted(self.rows, ids)

    def sums(
        self, sources: Tensor, index: Tensor | None = None, weights: Tensor | None = None
    ) -> CompiledSums:
        plain = super().sums(sources, index, weights)
        return CompiledSums(plain.sources, plain.index, plain.weights, plain.offsets)


def own_vectors(terms: Tensor) -> Tensor:
    """For terms (b, n) the vector that each belongs to, (b * n,) int32."""
    return torch.arange(len(terms), dtype=torch.int32).repeat_interleave(terms.shape[1])


def as_sums(rows: Tensor) -> CompiledSums:
    """Sums that are made already, (k, width): one term each."""
    index = torch.arange(len(rows) + 1, dtype=torch.int32)
    return CompiledSums(rows, index[:-1], None, index)
