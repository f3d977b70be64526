"""How well table rows match query vectors, and the gradient of that, where each row meets a few of the vectors.

Three kinds of match are distances, so that less is better: `L1` sums absolute differences, `L2` is Euclidean, `MODULI`
sums the moduli of complex differences, where a row holds the real parts and then the imaginary parts. `DOT` is the dot
product.

A term i is the pair of a row and the vector index[i]; the terms of rows[r] are order[offsets[r] : offsets[r + 1]],
rising. Each row of the large table is read once, in order and asked for a few rows ahead, while the few vectors stay
in the cache; differences never stand in memory.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kgtuner.kernels.compiling import Floats, Ints, compiled, inlined
from kgtuner.kernels.fetching import AHEAD, fetch_row
from kgtuner.kernels.moving import ADAM, NONE, fetch_moved, move_row

L1, L2, MODULI, DOT = 0, 1, 2, 3
DISTANCES = {"l1": L1, "l2": L2, "moduli": MODULI}
MATCHES = {**DISTANCES, "dot": DOT}
FLOOR = 1e-30
"""Least square under a root, as in the plain definitions, so that zero has a gradient: zero."""


@inlined
def _matched(kind: int, table: Floats, row: int, vectors: Floats, vector: int) -> Any:
    width, total = table.shape[1], table.dtype.type(0)
    if kind == L1:
        for k in range(width):
            total += abs(table[row, k] - vectors[vector, k])
        return total
    if kind == L2:
        for k in range(width):
            apart = table[row, k] - vectors[vector, k]
            total += apart * apart
        return np.sqrt(max(total, table.dtype.type(FLOOR)))
    if kind == DOT:
        for k in range(width):
            total += table[row, k] * vectors[vector, k]
        return total
    half = width // 2
    for k in range(half):
        re = table[row, k] - vectors[vector, k]
        im = table[row, k + half] - vectors[vector, k + half]
        total += np.sqrt(re * re + im * im)
    return total


@inlined
def _add_slope(
    kind: int,
    table: Floats,
    row: int,
    vectors: Floats,
    vector: int,
    weight: float,
    at_vectors: Floats,
    at_row: Floats,
) -> None:
    """The gradient of weight * match, added to `at_row` (width,) and to at_vectors[vector]."""
    width, number = table.shape[1], table.dtype.type
    if kind == L1:
        for k in range(width):
            apart = table[row, k] - vectors[vector, k]
            slope = weight * (number(apart > 0) - number(apart < 0))  # without a branch to guess wrong
            at_row[k] += slope
            at_vectors[vector, k] -= slope
    elif kind == L2:
        share = weight / _matched(kind, table, row, vectors, vector)
        for k in range(width):
            slope = share * (table[row, k] - vectors[vector, k])
            at_row[k] += slope
            at_vectors[vector, k] -= slope
    elif kind == DOT:
        for k in range(width):
            at_row[k] += weight * vectors[vector, k]
            at_vectors[vector, k] += weight * table[row, k]
    else:
        half, floor = width // 2, number(FLOOR)
        for k in range(half):
            re = table[row, k] - vectors[vector, k]
            im = table[row, k + half] - vectors[vector, k + half]
            share = weight / np.sqrt(max(re * re + im * im, floor))
            at_row[k] += share * re
            at_row[k + half] += share * im
            at_vectors[vector, k] -= share * re
            at_vectors[vector, k + half] -= share * im


@compiled
def matches(
    kind: int,
    table: Floats,
    rows: Ints,
    offsets: Ints,
    order: Ints,
    index: Ints,
    vectors: Floats,
    out: Floats,
) -> None:
    """Into `out` (m,): how a term's row of `table` (n, width) matches its vector, for the first m terms.

    From the last row to the first, because the slopes go from the first to the last: what one pass read at its end is
    in the cache where the next begins.
    """
    for r in range(len(rows) - 1, -1, -1):
        if r >= AHEAD:
            fetch_row(table, rows[r - AHEAD])
        for place in range(offsets[r], offsets[r + 1]):
            term = order[place]
            if term < len(out):
                out[term] = _matched(kind, table, rows[r], vectors, index[term])


@compiled
def match_slopes(
    kind: int,
    table: Floats,
    rows: Ints,
    offsets: Ints,
    order: Ints,
    index: Ints,
    vectors: Floats,
    weights: Floats,
    at_vectors: Floats,
    at_rows: Floats,
    left: Ints,
    optimizer: int,
    first: Floats,
    second: Floats,
    constants: Floats,
) -> int:
    """The gradient of the weighted sum of the first m terms' matches, weights (m,).

    Added to `at_vectors` (b, width). A row that only these terms touch is moved against its own at once, while it is in
    the cache, by the optimiser given. The others, and all rows when that is `NONE`, are left to the caller.

    Returns:
        How many rows are left: which, in `left`, and their gradients, in `at_rows`.
    """
    width, n_left = table.shape[1], 0
    gradient = np.empty(width, dtype=table.dtype)
    for r in range(len(rows)):
        start, end = offsets[r], offsets[r + 1]
        if r + AHEAD < len(rows):
            fetch_moved(optimizer, table, first, second, rows[r + AHEAD])
        if start == end and optimizer != ADAM and optimizer != NONE:
            continue
        gradient[:] = 0
        for place in range(start, end):
            term = order[place]
            if term < len(weights):
                _add_slope(kind, table, rows[r], vectors, index[term], weights[term], at_vectors, gradient)
        if optimizer == NONE or (start < end and order[end - 1] >= len(weights)):
            left[n_left] = rows[r]
            at_rows[n_left, :] = gradient
            n_left += 1
        else:
            move_row(optimizer, table, first, second, rows[r], gradient, constants)
    return n_left


@compiled
def all_slopes(
    kind: int,
    table: Floats,
    vectors: Floats,
    weights: Floats,
    at_vectors: Floats,
    at_rows: Floats,
) -> None:
    """The gradient of weighted matches of all rows of a small table (m, width) with all vectors, weights (b, m).

    Added to `at_vectors` (b, width), and written to the first m of `at_rows`.
    """
    for row in range(len(table)):
        at_row = at_rows[row]
        at_row[:] = 0
        for vector in range(len(vectors)):
            _add_slope(kind, table, row, vectors, vector, weights[vector, row], at_vectors, at_row)
