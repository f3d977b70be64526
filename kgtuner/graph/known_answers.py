"""Which answers of a query are already known: a compressed index over both directions of the triples.

A directed query asks for the tail of (h, r, ?), as entity h with directed relation r, or for the head
of (?, r, t), as entity t with directed relation r + n_relations. The index is three flat arrays (CSR),
so that 16 million triples take a few hundred megabytes and no Python object each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kgtuner.errors import DataError
from kgtuner.types import BoolArray, IntArray, Triples

LARGEST_CODE = 2**63 - 1


@dataclass(frozen=True, eq=False)
class KnownAnswers:
    """The right answers of every directed query, sorted and without repetition.

    Ids handed to the methods must be in range: an entity below `n_entities`, a directed relation
    below 2 * `n_relations`. A query without a known answer has an empty range, not an error.
    """

    keys: IntArray  # (n_queries,) ascending, entity * 2 * n_relations + directed relation
    offsets: IntArray  # (n_queries + 1,) query i has answers[offsets[i]:offsets[i + 1]]
    answers: npt.NDArray[Any]  # (n_answers,) int32, or int64 where entities need it; ascending in a query
    n_entities: int
    n_relations: int

    @classmethod
    def of(cls, triples: Triples, n_entities: int, n_relations: int) -> KnownAnswers:
        """Index (n, 3) triples in both directions."""
        return cls.of_all([triples], n_entities, n_relations)

    @classmethod
    def of_all(cls, parts: Sequence[Triples], n_entities: int, n_relations: int) -> KnownAnswers:
        """Index several (n, 3) arrays of triples together, without joining them first.

        Peak memory is about 60 bytes a triple: both directions are coded as one int64 each,
        (key * n_entities + answer), and sorted once in place.
        """
        directed = 2 * n_relations
        if n_entities * n_entities * directed > LARGEST_CODE:
            raise DataError(
                f"a graph of {n_entities:,} entities and {n_relations:,} relations is too large to index: "
                "entities * entities * 2 * relations must stay below 2**63"
            )
        codes = np.empty(2 * sum(map(len, parts)), dtype=np.int64)
        begin = 0
        for triples in parts:
            for query, answer, shift in ((0, 2, 0), (2, 0, n_relations)):
                part = codes[begin : begin + len(triples)]
                np.multiply(triples[:, query], directed, out=part)
                part += triples[:, 1]
                part += shift
                part *= n_entities
                part += triples[:, answer]
                begin += len(triples)
        codes.sort()
        fresh = _changes(codes)
        if not fresh.all():
            codes = codes[fresh]
        keys = codes // max(n_entities, 1)
        np.remainder(codes, max(n_entities, 1), out=codes)
        answers = codes.astype(np.int32) if n_entities <= np.iinfo(np.int32).max else codes
        del codes
        starts = np.flatnonzero(_changes(keys))
        keys = keys[starts]
        offsets = np.append(starts, len(answers))
        for array in (keys, offsets, answers):
            array.setflags(write=False)
        return cls(keys, offsets, answers, n_entities, n_relations)

    @property
    def n_queries(self) -> int:
        return len(self.keys)

    @property
    def n_answers(self) -> int:
        return len(self.answers)

    def find(self, entities: IntArray, relations: IntArray) -> tuple[IntArray, IntArray]:
        """Where the answers of (batch,) queries lie: answers[starts[i]:ends[i]]; empty when none is known."""
        wanted = np.asarray(entities, dtype=np.int64) * (2 * self.n_relations) + relations
        if not len(self.keys):
            nothing = np.zeros_like(wanted)
            return nothing, nothing.copy()
        place = np.searchsorted(self.keys, wanted)
        place[place == len(self.keys)] = 0  # larger than every key, so it fails the comparison below
        starts = self.offsets[place]
        ends = np.where(self.keys[place] == wanted, self.offsets[place + 1], starts)
        return starts, ends

    def counts(self, entities: IntArray, relations: IntArray) -> IntArray:
        """(batch,) how many answers of each query are known."""
        starts, ends = self.find(entities, relations)
        return ends - starts

    def pairs(self, entities: IntArray, relations: IntArray) -> tuple[IntArray, IntArray]:
        """Every known answer of (batch,) queries as (rows, answers): answers[i] answers query rows[i].

        Rows ascend, and answers ascend within a row: `mask[rows, answers] = True` marks them all.
        """
        starts, ends = self.find(entities, relations)
        lengths = ends - starts
        rows = np.repeat(np.arange(len(lengths), dtype=np.int64), lengths)
        before = np.cumsum(lengths) - lengths  # answers of the rows above
        index = np.arange(len(rows), dtype=np.int64) + np.repeat(starts - before, lengths)
        return rows, self.answers[index].astype(np.int64)

    def contains(self, entities: IntArray, relations: IntArray, candidates: IntArray) -> BoolArray:
        """(batch, n) bool: is candidates[i, j] a known answer of query i?

        A binary search of all candidates at once, as many rounds as the longest list of answers needs.
        """
        candidates = np.asarray(candidates)
        starts, ends = self.find(entities, relations)
        low = np.broadcast_to(starts[:, None], candidates.shape).copy()
        if not len(self.answers) or not low.size:
            return np.zeros(candidates.shape, dtype=np.bool_)
        high = np.broadcast_to(ends[:, None], candidates.shape).copy()
        last = len(self.answers) - 1
        for _ in range(int((ends - starts).max()).bit_length()):
            middle = (low + high) >> 1
            below = (self.answers[np.minimum(middle, last)] < candidates) & (low < high)
            low = np.where(below, middle + 1, low)
            high = np.where(below, high, middle)
        found: BoolArray = (low < ends[:, None]) & (self.answers[np.minimum(low, last)] == candidates)
        return found


def _changes(ascending: IntArray) -> BoolArray:
    """True where an element differs from the one before it."""
    fresh = np.ones(len(ascending), dtype=np.bool_)
    np.not_equal(ascending[1:], ascending[:-1], out=fresh[1:])
    return fresh
