"""Optimiser steps on rows of a table: parameters and the optimiser's state are read and written once.

`first` and `second` are the optimiser's states, of the table's shape, or the table again where it has none; the
constants are what `Optimizer.constants` gives.
"""

from __future__ import annotations

import numpy as np

from kgtuner.kernels.compiling import Floats, Ints, compiled, inlined
from kgtuner.kernels.fetching import AHEAD, fetch_row

NONE, SGD, ADAGRAD, ADAM = 0, 1, 2, 3
OPTIMIZERS = {"sgd": SGD, "adagrad": ADAGRAD, "adam": ADAM}


@inlined
def move_row(
    optimizer: int,
    table: Floats,
    first: Floats,
    second: Floats,
    row: int,
    gradient: Floats,
    constants: Floats,
) -> None:
    """Move one row against its gradient (width,)."""
    width = table.shape[1]
    rate = constants[0]
    if optimizer == SGD:
        for k in range(width):
            table[row, k] -= rate * gradient[k]
    elif optimizer == ADAGRAD:
        epsilon = constants[1]
        for k in range(width):
            square = first[row, k] + gradient[k] * gradient[k]
            first[row, k] = square
            table[row, k] -= rate * gradient[k] / (np.sqrt(square) + epsilon)
    else:
        corrected, new_mean, new_square, epsilon = constants[1], constants[2], constants[3], constants[4]
        for k in range(width):
            mean = first[row, k] + new_mean * (gradient[k] - first[row, k])
            square = second[row, k] + new_square * (gradient[k] * gradient[k] - second[row, k])
            first[row, k] = mean
            second[row, k] = square
            table[row, k] -= rate * mean / (np.sqrt(square) * corrected + epsilon)


@inlined
def fetch_moved(optimizer: int, table: Floats, first: Floats, second: Floats, row: int) -> None:
    """Ask for all that `move_row` will read of a row."""
    fetch_row(table, row)
    if optimizer in (ADAGRAD, ADAM):
        fetch_row(first, row)
    if optimizer == ADAM:
        fetch_row(second, row)


@compiled
def move_by_sums(
    optimizer: int,
    table: Floats,
    first: Floats,
    second: Floats,
    constants: Floats,
    sources: Floats,
    index: Ints,
    weights: Floats,
    offsets: Ints,
    rows: Ints,
) -> None:
    """Move rows[r] against the sum of weights[i] * sources[index[i]] over i in offsets[r] .. offsets[r + 1].

    Without a term a row stays where it is, but for Adam's, which moves by what its means still hold.
    """
    width = table.shape[1]
    gradient = np.empty(width, dtype=table.dtype)
    for r in range(len(rows)):
        if r + AHEAD < len(rows):
            fetch_moved(optimizer, table, first, second, rows[r + AHEAD])
        if optimizer == ADAM or offsets[r] < offsets[r + 1]:
            gradient[:] = 0
            for i in range(offsets[r], offsets[r + 1]):
                source, weight = index[i], weights[i]
                for k in range(width):
                    gradient[k] += weight * sources[source, k]
            move_row(optimizer, table, first, second, rows[r], gradient, constants)
