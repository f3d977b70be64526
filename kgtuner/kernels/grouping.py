"""Terms grouped by the row they touch."""

from __future__ import annotations

import numpy as np

from kgtuner.kernels.compiling import Ints, compiled

BITS = 11
BUCKETS = 1 << BITS


@compiled
def stable_order(ids: Ints) -> Ints:
    """(p,) int32, the order that sorts ids (p,), none below 0, and leaves equal ones as they stand: a radix sort."""
    n_terms, largest = len(ids), 0
    for i in range(n_terms):
        largest = max(largest, ids[i])
    order = np.arange(n_terms).astype(np.int32)
    other = np.empty_like(order)
    starts = np.empty(BUCKETS, dtype=np.int64)
    shift = 0
    while shift == 0 or largest >> shift > 0:
        starts[:] = 0
        for i in range(n_terms):
            starts[(ids[i] >> shift) & (BUCKETS - 1)] += 1
        total = 0
        for bucket in range(BUCKETS):
            count = starts[bucket]
            starts[bucket] = total
            total += count
        for i in range(n_terms):
            bucket = (ids[order[i]] >> shift) & (BUCKETS - 1)
            other[starts[bucket]] = order[i]
            starts[bucket] += 1
        order, other = other, order
        shift += BITS
    return order


@compiled
def touched_rows(ids: Ints, order: Ints) -> tuple[Ints, Ints]:
    """The distinct rows (k,) int64, rising, and where the terms of each begin in `order`, (k + 1,) int32."""
    n_terms, k = len(ids), 0
    rows = np.empty(n_terms, dtype=np.int64)
    offsets = np.empty(n_terms + 1, dtype=np.int32)
    for i in range(n_terms):
        row = ids[order[i]]
        if i == 0 or row != rows[k - 1]:
            rows[k] = row
            offsets[k] = i
            k += 1
    offsets[k] = n_terms
    return rows[:k].copy(), offsets[: k + 1].copy()


@compiled
def all_offsets(ids: Ints, n_rows: int) -> Ints:
    """(n_rows + 1,) int32, where the terms of each row begin, touched or not."""
    offsets = np.zeros(n_rows + 1, dtype=np.int32)
    for i in range(len(ids)):
        offsets[ids[i] + 1] += 1
    for row in range(n_rows):
        offsets[row + 1] += offsets[row]
    return offsets
