"""Split one set of triples into train, valid and test so that every held-out triple can be ranked."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from kgtuner.errors import DataError
from kgtuner.types import BoolArray, IntArray, Triples


class SplitTriples(NamedTuple):
    train: Triples
    valid: Triples
    test: Triples
    duplicates: int  # repeated triples that were left out, so that none is in two splits


def split_triples(triples: Triples, *, valid: float = 0.1, test: float = 0.1, seed: int) -> SplitTriples:
    """Hold out random triples whose entities and relation all still occur in train.

    Train first gets, in a random order, each triple that brings a new entity or relation; the held-out
    triples come from the others. A sparse graph may have fewer to spare than asked for: valid and
    test then share what there is, in the proportion asked for. Each split keeps the given order.

    Args:
        triples: (n, 3), repetitions are left out and counted.
        valid: share of the distinct triples to validate on; 0 for none.
        test: share of the distinct triples to test on; 0 for none.
        seed: of the random order.

    Raises:
        DataError: if not even one triple can be spared for a split that was asked for.
    """
    if min(valid, test) < 0 or not valid + test < 1:
        raise DataError(f"valid and test must be shares with a sum below 1, got {valid} and {test}")
    distinct = distinct_triples(triples)
    order = np.random.default_rng(seed).permutation(len(distinct))
    spare = order[~brings_something_new(distinct[order])]
    n_valid, n_test = _sizes(len(distinct), len(spare), valid, test)
    role = np.zeros(len(distinct), dtype=np.int8)
    role[spare[:n_valid]] = 1
    role[spare[n_valid : n_valid + n_test]] = 2
    return SplitTriples(
        train=distinct[role == 0],
        valid=distinct[role == 1],
        test=distinct[role == 2],
        duplicates=len(triples) - len(distinct),
    )


def distinct_triples(triples: Triples) -> Triples:
    """The triples without repetitions, in the order of their first occurrence."""
    order = np.lexsort((triples[:, 2], triples[:, 1], triples[:, 0]))  # stable for equal triples
    ranked = triples[order]
    first = np.ones(len(triples), dtype=np.bool_)
    first[1:] = (ranked[1:] != ranked[:-1]).any(axis=1)
    return triples[np.sort(order[first])]


def brings_something_new(triples: Triples) -> BoolArray:
    """(n,) True where a triple is the first with its head, its tail or its relation.

    The triples marked True contain every entity and every relation of the whole.
    """
    new = np.zeros(len(triples), dtype=np.bool_)
    if len(triples):
        new[_first_positions(triples[:, [0, 2]].ravel()) // 2] = True
        new[_first_positions(triples[:, 1])] = True
    return new


def _first_positions(ids: IntArray) -> IntArray:
    """Where each id occurs first. Assigned backwards, so that the first occurrence is the one that stays."""
    first = np.full(int(ids.max()) + 1, -1, dtype=np.int64)
    first[ids[::-1]] = np.arange(len(ids) - 1, -1, -1)
    return first[first >= 0]


def _sizes(n: int, spare: int, valid: float, test: float) -> tuple[int, int]:
    """How many triples to hold out for valid and for test: as asked for, or what there is to spare."""
    if not valid + test:
        return 0, 0
    held_out = min(round(n * (valid + test)), spare)
    n_valid = round(held_out * valid / (valid + test))
    n_test = held_out - n_valid
    if (valid and not n_valid) or (test and not n_test):
        raise DataError(
            f"a graph of {n} distinct triples is too small to split: only {spare} can be held out without "
            "leaving an entity or a relation untrained; give more triples, or own valid and test splits"
        )
    return n_valid, n_test
