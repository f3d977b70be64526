"""The rows a step touches, sorted, matched, summed and moved by compiled kernels. Importing this imports Numba."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from kgtuner.kernels.grouping import all_offsets, stable_order, touched_rows
from kgtuner.kernels.matching import MATCHES, match_slopes, matches
from kgtuner.kernels.moving import NONE, OPTIMIZERS, move_by_sums
from kgtuner.training.optimizers import Optimizer
from kgtuner.training.row_gradient import RowSums, TouchedRows


class CompiledSums(RowSums):
    """Weighted sums that are made row by row while the optimiser moves the row."""

    @classmethod
    def of_rows(cls, gradient: Tensor) -> CompiledSums:
        """Sums of one term each: a gradient (k, width) that is whole already."""
        ends = torch.arange(len(gradient) + 1, dtype=torch.int32)
        return cls(gradient, ends[:-1], None, ends)

    def move(
        self, kernel: str, constants: tuple[float, ...], wholes: list[Tensor], rows: Tensor | None
    ) -> bool:
        weights = self.sources.new_ones(len(self.index)) if self.weights is None else self.weights
        terms = [given.numpy() for given in (self.sources, self.index, weights, self.offsets)]
        terms.append(np.arange(len(self)) if rows is None else rows.numpy())
        move_by_sums(OPTIMIZERS[kernel], *_moved(wholes, constants), *terms)
        return True


class CompiledRows(TouchedRows):
    """As `TouchedRows`, on the CPU."""

    def __init__(self, ids: Tensor, n_rows: int | None = None) -> None:
        self.ids, array = ids, ids.numpy()
        order = stable_order(array)
        if n_rows is None:
            places, offsets = touched_rows(array, order)
            self.rows = torch.from_numpy(places)
        else:
            places, offsets = np.arange(n_rows), all_offsets(array, n_rows)
            self.rows = None
        self._order, self._offsets = torch.from_numpy(order), torch.from_numpy(offsets)
        self._terms = (places, offsets, order)

    def matches(self, kind: str, table: Tensor, vectors: Tensor, index: Tensor) -> Tensor:
        """(m,) how the rows of the first m terms match their vectors, vectors[index]."""
        found = vectors.new_empty(len(index))
        given = (index.numpy(), vectors.numpy(), found.numpy())
        matches(MATCHES[kind], table.detach().numpy(), *self._terms, *given)
        return found

    def slopes(
        self,
        kind: str,
        table: Tensor,
        vectors: Tensor,
        index: Tensor,
        weights: Tensor,
        at_rows: Tensor,
        optimizer: Optimizer | None,
    ) -> tuple[Tensor, Tensor]:
        """The gradient of `matches` times weights, (m,).

        An optimiser that has a kernel moves each row at once that only these terms touch.

        Args:
            at_rows: room for the gradient of as many rows as are touched.

        Returns:
            The gradient at the vectors, (b, width), and the rows that are left, (k,) ids; theirs are the first k of
            `at_rows`.
        """
        array, at_vectors, left = (
            table.detach().numpy(),
            torch.zeros_like(vectors),
            np.empty(len(self), np.int64),
        )
        given = (index.numpy(), vectors.numpy(), weights.numpy(), at_vectors.numpy(), at_rows.numpy(), left)
        if optimizer is None or optimizer.KERNEL is None:
            mover, (_, *moved) = NONE, _moved([table], ())
        else:
            wholes = [table, *optimizer.states["entities"].values()]
            mover, (_, *moved) = OPTIMIZERS[optimizer.KERNEL], _moved(wholes, optimizer.constants())
        n_left = match_slopes(MATCHES[kind], array, *self._terms, *given, mover, *moved)
        return at_vectors, torch.from_numpy(left[:n_left])

    def sums(
        self, sources: Tensor, index: Tensor | None = None, weights: Tensor | None = None
    ) -> CompiledSums:
        plain = super().sums(sources, index, weights)
        return CompiledSums(plain.sources, plain.index, plain.weights, plain.offsets)


def _moved(wholes: list[Tensor], constants: tuple[float, ...]) -> tuple[Any, ...]:
    """A table, two states of its optimiser, or itself where there are fewer, and the constants in their type."""
    table, *states = (whole.detach().numpy() for whole in wholes)
    first, second = [*states, table, table][:2]
    return table, first, second, np.array(constants, dtype=table.dtype)
