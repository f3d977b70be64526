"""Relations that copy each other, and the held-out triples whose answer they give away.

If nearly every pair (h, t) of relation r stands in relation s too, or as (t, h), then a test triple of s
is answered by whoever looks its pair up under r: no model is needed for it. This is how FB15k and WN18 came
to be replaced by FB15k-237 and WN18RR.

Sources: Toutanova and Chen (2015), https://aclanthology.org/W15-4007; Dettmers et al. (2018),
https://arxiv.org/abs/1707.01476, section 4; the threshold of .8 and the names near-duplicate and
reverse-duplicate: Akrami et al. (2020), https://arxiv.org/abs/2003.08001, section 4.2.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from kgtuner.errors import DataError
from kgtuner.graph.keys import LARGEST_KEY, is_among, is_first, repeated_rows, triple_keys
from kgtuner.types import SPLITS, BoolArray, FloatArray, IntArray, Triples

if TYPE_CHECKING:
    from kgtuner.graph.knowledge_graph import KnowledgeGraph

THRESHOLD = 0.8  # share of a relation's pairs that stand in another one, above which it gives that one away
ENOUGH_PAIRS = 10  # pairs that a relation needs for that; of two pairs, both may be found by chance
BLOCK = 20_000_000  # multiplications at a time, so that memory does not grow with relations squared


@dataclass(frozen=True)
class Overlap:
    """Most pairs of relation `first` stand in relation `second`, so `first` answers queries of `second`."""

    how: Literal["duplicate", "inverse", "symmetric"]  # symmetric: first and second are one relation
    first: int
    second: int
    shared: int  # pairs of `first` that stand in `second`, turned round unless `how` is duplicate
    first_pairs: int  # distinct pairs of `first`, without self-loops
    second_pairs: int
    mutual: bool  # the share is above the threshold from both sides: a near- or a reverse-duplicate

    @property
    def share(self) -> float:
        return self.shared / self.first_pairs


@dataclass(frozen=True, eq=False)
class Leaks:
    """What relations that copy each other give away."""

    overlaps: tuple[Overlap, ...]
    answers: IntArray  # (n overlaps,) test triples that each of them answers
    valid: BoolArray  # (n valid,) True where train has the answer under a copy
    test: BoolArray  # (n test,) the same; by any overlap
    test_by_mutual: BoolArray  # (n test,) by a near-duplicate, a reverse-duplicate or a symmetric relation

    @property
    def test_share(self) -> float:
        return float(self.test.mean()) if len(self.test) else 0.0


def find_leaks(graph: KnowledgeGraph, *, threshold: float = THRESHOLD) -> Leaks:
    """Overlapping relations of all splits together, and which held-out triples stand in train through them.

    All splits count for the overlap: a symmetric relation whose triples were split at random has only some of
    its reverse triples in train. Whether a test triple is answered depends on train alone.

    Args:
        threshold: share of a relation's pairs, in (0, 1).

    Raises:
        DataError: if the graph is too large for keys of 63 bits.
    """
    overlaps = overlapping_relations(np.concatenate([graph.split(s) for s in SPLITS]), threshold=threshold)
    test, by_overlap = answered(graph.test, graph.train, overlaps)
    mutual = answered(graph.test, graph.train, [o for o in overlaps if o.mutual])[0]
    return Leaks(overlaps, by_overlap, answered(graph.valid, graph.train, overlaps)[0], test, mutual)


def overlapping_relations(triples: Triples, *, threshold: float = THRESHOLD) -> tuple[Overlap, ...]:
    """Every relation of which more than `threshold` of the pairs stand in another one, or in reverse.

    Only pairs of entities that two triples connect are compared, so the cost is that of sorting them and of
    the true coincidences; memory is bounded whatever the number of relations.
    """
    if not 0 < threshold < 1:
        raise DataError(f"the threshold must be a share between 0 and 1, got {threshold}")
    if not len(triples):
        return ()
    triples = triples[triples[:, 0] != triples[:, 2]]  # a self-loop is its own reverse and says nothing
    triples = triples[is_first(triple_keys(triples))]
    relations = triples[:, 1]
    n_relations = int(relations.max(initial=-1)) + 1
    pairs = np.bincount(relations, minlength=n_relations)
    unordered = _pair_keys(triples)
    rows = repeated_rows(unordered)
    candidates = np.bincount(relations[rows], minlength=n_relations)
    sources = np.flatnonzero((pairs >= ENOUGH_PAIRS) & (candidates > threshold * pairs))
    if not len(sources):
        return ()
    column = 2 * np.unique(unordered[rows], return_inverse=True)[1].ravel()
    turned = triples[rows, 0] > triples[rows, 2]
    needed: FloatArray = threshold * pairs.astype(np.float64)
    found: list[Overlap] = []
    for inverse in (False, True):
        theirs = column + (turned ^ inverse)
        for a, b, n in _shared(relations[rows], column + turned, theirs, sources, needed):
            if a == b and not inverse:
                continue
            how: Any = "duplicate" if not inverse else "symmetric" if a == b else "inverse"
            mutual = bool(n > needed[b] and pairs[b] >= ENOUGH_PAIRS)
            found.append(Overlap(how, a, b, n, int(pairs[a]), int(pairs[b]), mutual))
    return tuple(found)


def answered(held_out: Triples, train: Triples, overlaps: Sequence[Overlap]) -> tuple[BoolArray, IntArray]:
    """(n,) True where train has a held-out pair under an overlapping relation; (n overlaps,) how often by each.

    By a duplicate (h, s, t) is answered if (h, r, t) is in train, by an inverse if (t, r, h) is.
    """
    hit = np.zeros(len(held_out), dtype=np.bool_)
    if not overlaps or not len(held_out):
        return hit, np.zeros(len(overlaps), dtype=np.int64)
    first, second = (np.array([getattr(o, name) for o in overlaps]) for name in ("first", "second"))
    forward = np.array([o.how == "duplicate" for o in overlaps])
    train = train[np.isin(train[:, 1], first)]
    # Each held-out triple once for every overlap that could answer it.
    by_second = np.argsort(second, kind="stable")
    starts = np.searchsorted(second[by_second], held_out[:, 1], side="left")
    counts = np.searchsorted(second[by_second], held_out[:, 1], side="right") - starts
    rows = np.repeat(np.arange(len(held_out)), counts)
    within = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    rule = by_second[np.repeat(starts, counts) + within]
    heads, tails = held_out[rows, 0], held_out[rows, 2]
    asked = np.column_stack(
        (np.where(forward[rule], heads, tails), first[rule], np.where(forward[rule], tails, heads))
    )
    keys = triple_keys(np.concatenate([train, asked]))
    there = is_among(keys[len(train) :], np.sort(keys[: len(train)]))
    hit[rows[there]] = True
    return hit, np.bincount(rule[there], minlength=len(overlaps))


def leak_groups(triples: Triples, overlaps: Sequence[Overlap]) -> IntArray:
    """(n,) a number for each triple; triples that could give each other away have the same.

    These are the triples between the same two entities, in either direction, whose relations are connected
    by overlaps. A triple of a relation without an overlap is alone, unless it is repeated.
    """
    if not len(triples):
        return np.empty(0, dtype=np.int64)
    family = relation_families(int(triples[:, 1].max()) + 1, overlaps)
    low, high = triples[:, [0, 2]].min(axis=1), triples[:, [0, 2]].max(axis=1)
    involved = np.isin(triples[:, 1], [r for o in overlaps for r in (o.first, o.second)])
    # A triple that nothing overlaps with keeps its direction, and so shares its group with no reverse.
    heads, tails = np.where(involved, low, triples[:, 0]), np.where(involved, high, triples[:, 2])
    grouped = np.column_stack((heads, family[triples[:, 1]], tails))
    groups: IntArray = np.unique(triple_keys(grouped), return_inverse=True)[1].ravel()
    return groups


def relation_families(n_relations: int, overlaps: Sequence[Overlap]) -> IntArray:
    """(n_relations,) a number for each relation; those connected by overlaps have the same."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    first, second = [o.first for o in overlaps], [o.second for o in overlaps]
    size = max([n_relations - 1, *first, *second]) + 1
    edges = coo_array((np.ones(len(first), dtype=np.int8), (first, second)), shape=(size, size))
    labels = connected_components(edges.tocsr(), directed=False)[1]
    return np.asarray(labels[:n_relations], dtype=np.int64)


def redundant_relations(overlaps: Sequence[Overlap]) -> tuple[int, ...]:
    """Relations that can be left out because a larger one, or an equally large earlier one, has their pairs."""
    twins: dict[int, set[int]] = {}
    size: dict[int, int] = {}
    for o in overlaps:
        if o.mutual and o.first != o.second:
            twins.setdefault(o.first, set()).add(o.second)
            twins.setdefault(o.second, set()).add(o.first)
            size |= {o.first: o.first_pairs, o.second: o.second_pairs}
    kept: set[int] = set()
    for relation in sorted(twins, key=lambda r: (-size[r], r)):
        if not twins[relation] & kept:
            kept.add(relation)
    return tuple(sorted(set(twins) - kept))


def _pair_keys(triples: Triples) -> IntArray:
    """(n,) one number for the two entities of a triple, whichever is the head."""
    low, high = triples[:, [0, 2]].min(axis=1), triples[:, [0, 2]].max(axis=1)
    size = int(high.max(initial=0)) + 1
    if size * size > LARGEST_KEY:
        raise DataError(f"a graph of {size:,} entities is too large to compare its relations")
    keys: IntArray = low * size + high
    return keys


def _shared(
    relations: IntArray, mine: IntArray, theirs: IntArray, sources: IntArray, needed: FloatArray
) -> Iterator[tuple[int, int, int]]:
    """(first, second, columns of the source `first` that `second` has too), where these are more than needed."""
    from scipy.sparse import csr_array

    shape = (len(needed), int(max(mine.max(), theirs.max())) + 1)
    ones = np.ones(len(relations), dtype=np.int32)
    left = csr_array((ones, (relations, mine)), shape=shape)
    right = csr_array((ones, (relations, theirs)), shape=shape).T.tocsr()
    work = np.bincount(relations, weights=np.diff(right.indptr)[mine], minlength=len(needed))[sources]
    blocks = np.cumsum(work) // BLOCK
    for block in np.unique(blocks):
        rows = sources[blocks == block]
        product = left[rows] @ right
        first = np.repeat(rows, np.diff(product.indptr))
        enough = product.data > needed[first]
        yield from sorted(
            zip(
                first[enough].tolist(),
                product.indices[enough].tolist(),
                product.data[enough].tolist(),
                strict=True,
            )
        )
