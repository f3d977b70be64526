"""A triple as one whole number, so that finding repetitions is one sort of int64 and not of rows."""

from __future__ import annotations

import numpy as np

from kgtuner.types import BoolArray, IntArray, Triples

LARGEST_KEY = 2**63 - 1
SLOTS = 1 << 24


def triple_keys(triples: Triples) -> IntArray:
    """(n,) int64, equal exactly where triples are; comparable within this array only."""
    if not len(triples):
        return np.empty(0, dtype=np.int64)
    heads, relations, tails = (int(largest) + 1 for largest in triples.max(axis=0))
    if heads * relations * tails > LARGEST_KEY:
        return np.unique(triples, axis=0, return_inverse=True)[1].ravel()  # slow, and no graph is so large
    keys = triples[:, 0] * relations
    keys += triples[:, 1]
    keys *= tails
    keys += triples[:, 2]
    return keys


def repeated_rows(keys: IntArray) -> IntArray:
    """Ascending positions of all keys that occur more than once, their first occurrence too."""
    ordered = np.sort(keys)
    again = ordered[1:][ordered[1:] == ordered[:-1]]
    return np.flatnonzero(is_among(keys, again)) if len(again) else np.empty(0, dtype=np.int64)


def is_first(keys: IntArray) -> BoolArray:
    """(n,) True where a key occurs for the first time."""
    first = np.ones(len(keys), dtype=np.bool_)
    rows = repeated_rows(keys)
    if len(rows):
        order = rows[np.argsort(keys[rows], kind="stable")]
        first[order[1:]] = keys[order[1:]] != keys[order[:-1]]
    return first


def is_among(keys: IntArray, others: IntArray) -> BoolArray:
    """(n,) True where a key occurs in `others`, which are ascending."""
    found = np.zeros(len(keys), dtype=np.bool_)
    if not len(others):
        return found
    # A table of bits leaves few keys to search for: a binary search of all of them is slow in memory.
    table = np.zeros(SLOTS, dtype=np.bool_)
    table[_slots(others)] = True
    rows = np.flatnonzero(table[_slots(keys)])
    place = np.searchsorted(others, keys[rows])
    place[place == len(others)] = 0  # larger than all of them, so that the comparison fails
    found[rows] = others[place] == keys[rows]
    return found


def _slots(keys: IntArray) -> IntArray:
    return (keys ^ (keys >> 23)) & (SLOTS - 1)
