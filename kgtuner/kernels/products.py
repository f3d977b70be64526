"""Dot products of table rows with vectors, and their gradient at the vectors, row by row.

A term i is the pair of a row and the vector index[i]; the terms of rows[r] are order[offsets[r] : offsets[r + 1]]. Each
row of the large table is read once and in order, while the few vectors stay in the cache.
"""

from __future__ import annotations

from kgtuner.kernels.compiling import Floats, Ints, compiled


@compiled
def products(
    table: Floats,
    rows: Ints,
    offsets: Ints,
    order: Ints,
    index: Ints,
    vectors: Floats,
    out: Floats,
) -> None:
    """Into `out` (m,): the dot product of a term's row of `table` (n, width) with its vector, for the first m terms."""
    width = table.shape[1]
    for r in range(len(rows)):
        row = rows[r]
        for place in range(offsets[r], offsets[r + 1]):
            term = order[place]
            if term < len(out):
                vector, total = index[term], table.dtype.type(0)
                for k in range(width):
                    total += table[row, k] * vectors[vector, k]
                out[term] = total


@compiled
def spread(
    table: Floats,
    rows: Ints,
    offsets: Ints,
    order: Ints,
    index: Ints,
    weights: Floats,
    out: Floats,
) -> None:
    """Added to `out` (b, width) at a term's vector: its row of `table` times its weight, (m,), for m first terms."""
    width = table.shape[1]
    for r in range(len(rows)):
        row = rows[r]
        for place in range(offsets[r], offsets[r + 1]):
            term = order[place]
            if term < len(weights):
                vector, weight = index[term], weights[term]
                for k in range(width):
                    out[vector, k] += weight * table[row, k]
