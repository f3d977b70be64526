"""Distances of every row of a table from every vector."""

from __future__ import annotations

import numpy as np

from kgtuner.kernels.compiling import Floats, compiled
from kgtuner.kernels.matching import DISTANCES, FLOOR, L1, L2, MODULI

__all__ = ["DISTANCES", "all_distances"]

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
