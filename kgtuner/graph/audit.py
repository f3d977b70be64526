"""What is questionable about a graph's data. Everything is reported, nothing is changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from kgtuner.graph.split import distinct_triples
from kgtuner.types import SPLITS, BoolArray, IntArray, Triples

if TYPE_CHECKING:
    from kgtuner.graph.knowledge_graph import KnowledgeGraph

EXAMPLES = 3
COPY_SHARE = 0.8  # of a relation's pairs found again in another relation, above which it is called a copy
COPY_PAIRS = 10  # pairs that a relation needs for that; of two pairs, both may be found by chance


@dataclass(frozen=True)
class Finding:
    """One kind of flaw in one place, with how often it occurs and the first few cases by name."""

    kind: str  # duplicate_triples, leak, self_loops, unseen_entities, or <how>_relations
    count: int  # triples; for relation pairs: pairs of entities of the first that are in the second
    examples: tuple[str, ...]
    message: str


def audit(graph: KnowledgeGraph) -> tuple[Finding, ...]:
    """Repetitions, leaks between splits, self-loops, unseen entities, and relations that copy each other.

    A relation whose train pairs nearly all stand in another relation, in the same or in reverse
    direction, gives away the test triples of that other one. This is the flaw of FB15k and WN18:
    Toutanova and Chen (2015), https://aclanthology.org/W15-4007, and Dettmers et al. (2018).
    """
    return (
        *_duplicates(graph),
        *_leaks(graph),
        *_self_loops(graph),
        *_unseen(graph),
        *_copied_relations(graph),
    )


def _duplicates(graph: KnowledgeGraph) -> Iterator[Finding]:
    for split in SPLITS:
        triples = graph.split(split)
        repeated = ~_first_occurrences(triples)
        if repeated.any():
            repeats = triples[repeated]
            yield _finding(graph, "duplicate_triples", repeats, f"{split} repeats {{}} of its own")


def _leaks(graph: KnowledgeGraph) -> Iterator[Finding]:
    for first, second in combinations(SPLITS, 2):
        mine = distinct_triples(graph.split(second))
        # The ones of `first` come first, so a triple of `second` that is no first occurrence is in both.
        both = np.concatenate([graph.split(first), mine])
        shared = ~_first_occurrences(both)[len(graph.split(first)) :]
        if shared.any():
            yield _finding(graph, "leak", mine[shared], f"{second} shares {{}} with {first}")


def _self_loops(graph: KnowledgeGraph) -> Iterator[Finding]:
    for split in SPLITS:
        triples = graph.split(split)
        loops = triples[triples[:, 0] == triples[:, 2]]
        if len(loops):
            yield _finding(graph, "self_loops", loops, f"{split} has {{}} whose head is its tail")


def _unseen(graph: KnowledgeGraph) -> Iterator[Finding]:
    seen = np.zeros(graph.n_entities, dtype=np.bool_)
    seen[graph.train[:, [0, 2]]] = True
    for split in ("valid", "test"):
        triples = graph.split(split)
        unseen = triples[~seen[triples[:, [0, 2]]].all(axis=1)]
        if len(unseen):
            yield _finding(graph, "unseen_entities", unseen, f"{split} has {{}} with an entity not in train")


def _copied_relations(graph: KnowledgeGraph) -> Iterator[Finding]:
    from scipy.sparse import csr_array

    train = distinct_triples(graph.train)
    train = train[train[:, 0] != train[:, 2]]  # a self-loop is its own reverse and says nothing
    if not len(train):
        return
    n, size = graph.n_entities, graph.n_relations
    codes = np.concatenate([train[:, 0] * n + train[:, 2], train[:, 2] * n + train[:, 0]])
    pairs, columns = np.unique(codes, return_inverse=True)
    ones = np.ones(len(train), dtype=np.int64)
    shape = (size, len(pairs))
    forward = csr_array((ones, (train[:, 1], columns[: len(train)])), shape=shape)
    reverse = csr_array((ones, (train[:, 1], columns[len(train) :])), shape=shape)
    total = np.bincount(train[:, 1], minlength=size)
    for how, other in (("duplicate", forward), ("inverse", reverse)):
        shared = (forward @ other.T).tocoo()
        common = (shared.data > COPY_SHARE * total[shared.row]) & (total[shared.row] >= COPY_PAIRS)
        found = np.column_stack((shared.row, shared.col, shared.data))[common]
        for first, second, count in sorted(found.tolist()):
            if first == second and how == "duplicate":
                continue
            yield _copy(graph, how, first, second, count, int(total[first]))


def _copy(graph: KnowledgeGraph, how: str, first: int, second: int, count: int, total: int) -> Finding:
    a, b = graph.relations[first], graph.relations[second]
    share = f"{count:,} of the {total:,} train pairs of {a!r}"
    if first == second:
        return Finding("symmetric_relations", count, (a,), f"{share} are there in both directions")
    where = f"stand in reverse in {b!r}" if how == "inverse" else f"stand in {b!r} too"
    return Finding(f"{how}_relations", count, (a, b), f"{share} {where}")


def _first_occurrences(triples: Triples) -> BoolArray:
    order: IntArray = np.lexsort((triples[:, 2], triples[:, 1], triples[:, 0]))
    ranked = triples[order]
    first = np.ones(len(triples), dtype=np.bool_)
    first[order[1:]] = (ranked[1:] != ranked[:-1]).any(axis=1)
    return first


def _finding(graph: KnowledgeGraph, kind: str, triples: Triples, message: str) -> Finding:
    examples = tuple(
        f"({graph.entities[h]}, {graph.relations[r]}, {graph.entities[t]})"
        for h, r, t in triples[:EXAMPLES].tolist()
    )
    count = len(triples)
    number = f"{count:,} triple{'s' if count != 1 else ''}"
    return Finding(kind, count, examples, f"{message.format(number)}, for example {', '.join(examples)}")
