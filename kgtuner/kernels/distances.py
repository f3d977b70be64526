"""Distances between table rows and vectors, and how they change, without the differences ever standing in memory.

The kinds: `L1` sums absolute differences, `L2` is Euclidean, `MODULI` sums the moduli of complex differences, where a
row holds the real parts and then the imaginary parts. Terms, rows and offsets are those of `products`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kgtuner.kernels.compiling import Floats, Ints, compiled

L1, L2, MODULI = 0, 1, 2
KINDS = {"l1": L1, "l2": L2, "moduli": MODULI}
FLOOR = 1e-30
"""Added under square roots by the plain definitions, so that zero has a gradient: zero."""


@compiled
def _distance(kind: int, table: Floats, row: int, vectors: Floats, vector: int) -> Any:
    width, zero = table.shape[1], table.dtype.type(0)
    total = zero
    if kind == L1:
        for k in range(width):
            total += abs(table[row, k] - vectors[vector, k])
        return total
    if kind == L2:
        for k in range(width):
            apart = table[row, k] - vectors[vector, k]
            total += apart * apart
        return np.sqrt(max(total, table.dtype.type(FLOOR)))
    half = width // 2
    for k in range(half):
        re = table[row, k] - vectors[vector, k]
        im = table[row, k + half] - vectors[vector, k + half]
        total += np.sqrt(re * re + im * im)
    return total


@compiled
def _add_slope(
    kind: int,
    table: Floats,
    row: int,
    vectors: Floats,
    vector: int,
    weight: float,
    at_vector: Floats,
    at_row: Floats,
) -> None:
    """How the distance grows with the row, times the weight: added to `at_row`, taken from `at_vector`[vector]."""
    width, number = table.shape[1], table.dtype.type
    if kind == L1:
        for k in range(width):
            apart = table[row, k] - vectors[vector, k]
            slope = weight if apart > 0 else (-weight if apart < 0 else number(0))
            at_row[k] += slope
            at_vector[vector, k] -= slope
    elif kind == L2:
        share = weight / _distance(kind, table, row, vectors, vector)
        for k in range(width):
            slope = share * (table[row, k] - vectors[vector, k])
            at_row[k] += slope
            at_vector[vector, k] -= slope
    else:
        half, floor = width // 2, number(FLOOR)
        for k in range(half):
            re = table[row, k] - vectors[vector, k]
            im = table[row, k + half] - vectors[vector, k + half]
            share = weight / np.sqrt(max(re * re + im * im, floor))
            at_row[k] += share * re
            at_row[k + half] += share * im
            at_vector[vector, k] -= share * re
            at_vector[vector, k + half] -= share * im


@compiled
def distances(
    kind: int,
    table: Floats,
    rows: Ints,
    offsets: Ints,
    order: Ints,
    index: Ints,
    vectors: Floats,
    out: Floats,
) -> None:
    """Into `out` (m,): the distance of a term's row of `table` (n, width) from its vector, for the first m terms."""
    for r in range(len(rows)):
        for place in range(offsets[r], offsets[r + 1]):
            term = order[place]
            if term < len(out):
                out[term] = _distance(kind, table, rows[r], vectors, index[term])


@compiled
def slopes(
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
) -> None:
    """The gradient of the sum of the first m terms' distances, times weights (m,).

    Added to `at_vectors` (b, width); written to `at_rows` (k, width), one for each of the rows.
    """
    for r in range(len(rows)):
        at_row = at_rows[r]
        at_row[:] = 0
        for place in range(offsets[r], offsets[r + 1]):
            term = order[place]
            if term < len(weights):
                _add_slope(kind, table, rows[r], vectors, index[term], weights[term], at_vectors, at_row)


@compiled
def all_slopes(
    kind: int,
    table: Floats,
    vectors: Floats,
    weights: Floats,
    at_vectors: Floats,
    at_rows: Floats,
) -> None:
    """As `slopes` for all rows of a small table (m, width) with all vectors, weights (b, m)."""
    for row in range(len(table)):
        at_row = at_rows[row]
        at_row[:] = 0
        for vector in range(len(vectors)):
            _add_slope(kind, table, row, vectors, vector, weights[vector, row], at_vectors, at_row)


BLOCK = 64
"""Rows that stand side by side, so that one vector instruction serves many of them."""
STRIDE = 4


@compiled
def all_distances(kind: int, table: Floats, vectors: Floats, out: Floats) -> None:
    """Into `out` (b, n): the distance of each of the vectors (b, width) from each row of `table` (n, width)."""
    n, width = table.shape
    number = table.dtype.type
    floor = number(FLOOR)
    # With MODULI the steps go over half the width, and each number has its imaginary part `half` further on.
    half = width // 2 if kind == MODULI else 0
    steps = half if kind == MODULI else width
    padded = (steps + STRIDE - 1) // STRIDE * STRIDE
    side = np.zeros((2 * padded if half else padded, BLOCK), dtype=table.dtype)
    asked = np.zeros(len(side), dtype=table.dtype)
    total = np.empty(BLOCK, dtype=table.dtype)
    for start in range(0, n, BLOCK):
        size = min(BLOCK, n - start)
        for c in range(size):
            for k in range(steps):
                side[k, c] = table[start + c, k]
            if half:
                for k in range(half):
                    side[padded + k, c] = table[start + c, half + k]
        for vector in range(len(vectors)):
            for k in range(steps):
                asked[k] = vectors[vector, k]
            if half:
                for k in range(half):
                    asked[padded + k] = vectors[vector, half + k]
            total[:] = 0
            for k in range(0, padded, STRIDE):
                q0, q1, q2, q3 = asked[k], asked[k + 1], asked[k + 2], asked[k + 3]
                if kind == L1:
                    for c in range(BLOCK):
                        total[c] += (
                            abs(side[k, c] - q0)
                            + abs(side[k + 1, c] - q1)
                            + abs(side[k + 2, c] - q2)
                            + abs(side[k + 3, c] - q3)
                        )
                elif kind == L2:
                    for c in range(BLOCK):
                        d0, d1 = side[k, c] - q0, side[k + 1, c] - q1
                        d2, d3 = side[k + 2, c] - q2, side[k + 3, c] - q3
                        total[c] += d0 * d0 + d1 * d1 + d2 * d2 + d3 * d3
                else:
                    j = padded + k
                    i0, i1, i2, i3 = asked[j], asked[j + 1], asked[j + 2], asked[j + 3]
                    for c in range(BLOCK):
                        d0, d1 = side[k, c] - q0, side[k + 1, c] - q1
                        d2, d3 = side[k + 2, c] - q2, side[k + 3, c] - q3
                        e0, e1 = side[j, c] - i0, side[j + 1, c] - i1
                        e2, e3 = side[j + 2, c] - i2, side[j + 3, c] - i3
                        total[c] += (
                            np.sqrt(d0 * d0 + e0 * e0)
                            + np.sqrt(d1 * d1 + e1 * e1)
                            + np.sqrt(d2 * d2 + e2 * e2)
                            + np.sqrt(d3 * d3 + e3 * e3)
                        )
            if kind == L2:
                for c in range(size):
                    out[vector, start + c] = np.sqrt(max(total[c], floor))
            else:
                for c in range(size):
                    out[vector, start + c] = total[c]
