"""Ranks by counting: one pass over the scores of a query sees which are higher, equal, or broken."""

from __future__ import annotations

import numpy as np

from kgtuner.kernels.compiling import Floats, Ints, compiled


@compiled
def counted_ranks(scores: Floats, target: Ints, offsets: Ints, columns: Ints, ranks: Floats) -> int:
    """Into `ranks` (b,) float64: the filtered rank of each target among its candidates, ties at their mean rank.

    Args:
        scores: (b, n), higher is better.
        target: (b,) the column of the true entity.
        offsets, columns: the columns that do not compete with query i are columns[offsets[i] : offsets[i + 1]],
            each at most once; the target itself may be among them.

    Returns:
        How many scores are not finite; with any, the ranks mean nothing.
    """
    n = scores.shape[1]
    one, zero = np.int32(1), np.int32(0)
    broken = 0
    for i in range(len(target)):
        true = scores[i, target[i]]
        higher, equal, finite = zero, zero, zero
        for k in range(n):
            score = scores[i, k]
            higher += one if score > true else zero
            equal += one if score == true else zero
            finite += one if abs(score) < np.inf else zero  # neither does NaN
        broken += n - finite
        for place in range(offsets[i], offsets[i + 1]):
            column = columns[place]
            if column != target[i]:
                higher -= one if scores[i, column] > true else zero
                equal -= one if scores[i, column] == true else zero
        ranks[i] = 1 + higher + (equal - 1) / 2  # the target equals itself
    return broken
