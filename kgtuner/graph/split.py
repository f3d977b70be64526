"""Split one set of triples into train, valid and test so that every held-out triple can be ranked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from kgtuner.errors import DataError
from kgtuner.graph.keys import is_first, triple_keys
from kgtuner.graph.leaks import Overlap, leak_groups
from kgtuner.types import BoolArray, IntArray, Triples


class SplitTriples(NamedTuple):
    train: Triples
    valid: Triples
    test: Triples
    duplicates: int  # repeated triples that were left out, so that none is in two splits


def split_triples(
    triples: Triples,
    *,
    valid: float = 0.1,
    test: float = 0.1,
    seed: int,
    overlaps: Sequence[Overlap] = (),
) -> SplitTriples:
    """Hold out random triples whose entities and relation all still occur in train.

    Train first gets, in a random order, each triple that brings a new entity or relation; the held-out
    triples come from the others. A sparse graph may have fewer to spare than asked for: valid and
    test then share what there is, in the proportion asked for. Each split keeps the given order.

    Args:
        triples: (n, 3), repetitions are left out and counted.
        valid: share of the distinct triples to validate on; 0 for none.
        test: share of the distinct triples to test on; 0 for none.
        seed: of the random order.
        overlaps: relations that copy each other; triples that give each other away through them stay in one
            split, see `leaks.leak_groups`. Sizes may then differ from the shares by part of a group.

    Raises:
        DataError: if not even one triple can be spared for a split that was asked for.
    """
    if min(valid, test) < 0 or not valid + test < 1:
        raise DataError(f"valid and test must be shares with a sum below 1, got {valid} and {test}")
    distinct = distinct_triples(triples)
    order = np.random.default_rng(seed).permutation(len(distinct))
    if overlaps:
        spare, ends = _spare_groups(distinct, order, leak_groups(distinct, overlaps))
    else:
        spare = order[~brings_something_new(distinct[order])]
        ends = np.arange(len(spare) + 1)
    n_valid, n_test = _whole_groups(ends, *_sizes(len(distinct), len(spare), valid, test))
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
    return triples[is_first(triple_keys(triples))]


def brings_something_new(triples: Triples) -> BoolArray:
    """(n,) True where a triple is the first with its head, its tail or its relation.

    The triples marked True contain every entity and every relation of the whole.
    """
    new = np.zeros(len(triples), dtype=np.bool_)
    if len(triples):
        new[_first_positions(triples[:, [0, 2]].ravel()) // 2] = True
        new[_first_positions(triples[:, 1])] = True
    return new


def _spare_groups(triples: Triples, order: IntArray, groups: IntArray) -> tuple[IntArray, IntArray]:
    """Triples of groups that bring nothing new, a group next to itself; and where each group of them ends.

    The groups follow one another in the random order of their first triples.
    """
    order = order[np.argsort(_first_positions(groups[order])[groups[order]], kind="stable")]
    needed = np.unique(groups[order[brings_something_new(triples[order])]])
    spare = order[~np.isin(groups[order], needed)]
    changes = np.flatnonzero(np.diff(groups[spare])) + 1
    return spare, np.concatenate([[0], changes, [len(spare)]])


def _whole_groups(ends: IntArray, n_valid: int, n_test: int) -> tuple[int, int]:
    """The nearest sizes at which no group is cut; a split that was asked for gets at least one group."""
    first = _nearest(ends[1:], n_valid) if n_valid else 0
    later = ends[ends > first]
    if n_test and not len(later):  # all in one group, or two of which the larger went to valid
        raise DataError(
            "too few groups of triples that do not give each other away to split off valid and test; "
            "give more triples, own splits, or split without regard to leaks"
        )
    return first, (_nearest(later, n_valid + n_test) if n_test else first) - first


def _nearest(ascending: IntArray, wanted: int) -> int:
    return int(ascending[np.argmin(np.abs(ascending - wanted))])


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
