"""Optimiser steps on the rows of a table: the gradient of a row is summed and the row moved in the same visit.

The gradient of rows[r] is the sum of weights[i] * sources[index[i]] over i in offsets[r] .. offsets[r + 1]. Parameters
and the optimiser's state are read and written once.
"""

from __future__ import annotations

import numpy as np

from kgtuner.kernels.compiling import Floats, Ints, compiled


@compiled
def _sum(sources: Floats, index: Ints, weights: Floats, first: int, last: int, total: Floats) -> None:
    total[:] = 0
    for i in range(first, last):
        source, weight = index[i], weights[i]
        for k in range(len(total)):
            total[k] += weight * sources[source, k]


@compiled
def sgd(
    sources: Floats,
    index: Ints,
    weights: Floats,
    offsets: Ints,
    rows: Ints,
    table: Floats,
    rate: float,
) -> None:
    """table -= rate * gradient."""
    width, number = table.shape[1], table.dtype.type
    rate = number(rate)
    total = np.empty(width, dtype=table.dtype)
    for r in range(len(rows)):
        row = rows[r]
        if offsets[r] < offsets[r + 1]:
            _sum(sources, index, weights, offsets[r], offsets[r + 1], total)
            for k in range(width):
                table[row, k] -= rate * total[k]


@compiled
def adagrad(
    sources: Floats,
    index: Ints,
    weights: Floats,
    offsets: Ints,
    rows: Ints,
    table: Floats,
    squares: Floats,
    rate: float,
    epsilon: float,
) -> None:
    """squares += gradient^2; table -= rate * gradient / (sqrt(squares) + epsilon)."""
    width, number = table.shape[1], table.dtype.type
    rate, epsilon = number(rate), number(epsilon)
    total = np.empty(width, dtype=table.dtype)
    for r in range(len(rows)):
        row = rows[r]
        if offsets[r] < offsets[r + 1]:  # nothing to add, nothing to move
            _sum(sources, index, weights, offsets[r], offsets[r + 1], total)
            for k in range(width):
                square = squares[row, k] + total[k] * total[k]
                squares[row, k] = square
                table[row, k] -= rate * total[k] / (np.sqrt(square) + epsilon)


@compiled
def adam(
    sources: Floats,
    index: Ints,
    weights: Floats,
    offsets: Ints,
    rows: Ints,
    table: Floats,
    means: Floats,
    squares: Floats,
    rate: float,
    root: float,
    keep_mean: float,
    keep_square: float,
    epsilon: float,
) -> None:
    """table -= rate * mean / (sqrt(square) / root + epsilon), with running means of the gradient and of its square.

    A row without a gradient moves as well, by what its means still hold. `rate` and `root` are corrected for
    means that began at zero.
    """
    width, number = table.shape[1], table.dtype.type
    rate, turn, epsilon = number(rate), number(1 / root), number(epsilon)
    new_mean, new_square, keep_square = number(1 - keep_mean), number(1 - keep_square), number(keep_square)
    total = np.empty(width, dtype=table.dtype)
    for r in range(len(rows)):
        row = rows[r]
        _sum(sources, index, weights, offsets[r], offsets[r + 1], total)
        for k in range(width):
            mean = means[row, k] + new_mean * (total[k] - means[row, k])
            square = keep_square * squares[row, k] + new_square * total[k] * total[k]
            means[row, k] = mean
            squares[row, k] = square
            table[row, k] -= rate * mean / (np.sqrt(square) * turn + epsilon)
