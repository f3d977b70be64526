"""What is questionable about a graph's data. Everything is reported, nothing is changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from kgtuner.graph.keys import is_first, repeated_rows, triple_keys
from kgtuner.graph.leaks import THRESHOLD, Leaks, Overlap, find_leaks
from kgtuner.types import SPLITS, IntArray, Split, Triples

if TYPE_CHECKING:
    from kgtuner.graph.knowledge_graph import KnowledgeGraph

EXAMPLES = 3

WRONG = frozenset({"duplicate_triples", "leak", "unseen_entities", "answered_test", "encoding"})
"""Kinds of findings that make the metrics of a graph mean less than they seem to; the others are remarks."""


@dataclass(frozen=True)
class Finding:
    """One kind of flaw in one place, with how often it occurs and the first few cases by name."""

    kind: str  # duplicate_triples, leak, self_loops, unseen_entities, answered_test, encoding, look_alikes,
    # or <how>_relations with how as in `leaks.Overlap`
    count: int  # triples or names; for relation pairs: pairs of entities of the first that are in the second
    examples: tuple[str, ...]
    message: str


def audit(graph: KnowledgeGraph, *, threshold: float = THRESHOLD) -> tuple[Finding, ...]:
    """Repetitions, leaks between splits, self-loops, unseen entities, relations that copy each other.

    The cost is that of a few sorts of one whole number a triple.

    Args:
        threshold: share of a relation's pairs that must stand in another one for it to be called a copy.

    Raises:
        DataError: if the graph is too large to compare its relations.
    """
    return (
        *_repetitions(graph),
        *_self_loops(graph),
        *_unseen(graph),
        *_copied_relations(graph, find_leaks(graph, threshold=threshold)),
    )


def _repetitions(graph: KnowledgeGraph) -> Iterator[Finding]:
    """Triples that a split repeats, and those that two splits share; only what occurs twice is looked at."""
    sizes = [len(graph.split(split)) for split in SPLITS]
    keys = triple_keys(np.concatenate([graph.split(split) for split in SPLITS]))
    rows = repeated_rows(keys)
    starts = np.cumsum([0, *sizes])
    firsts: dict[Split, tuple[IntArray, IntArray]] = {}  # row in the split, key
    for split, start, end in zip(SPLITS, starts, starts[1:], strict=False):
        mine = rows[(rows >= start) & (rows < end)]
        first = is_first(keys[mine])
        firsts[split] = mine[first] - start, keys[mine[first]]
        if not first.all():
            repeats = graph.split(split)[mine[~first] - start]
            yield _finding(graph, "duplicate_triples", repeats, f"{split} repeats {{}} of its own")
    for one, other in combinations(SPLITS, 2):
        places, mine = firsts[other]
        shared = np.isin(mine, firsts[one][1])
        if shared.any():
            triples = graph.split(other)[places[shared]]
            yield _finding(graph, "leak", triples, f"{other} shares {{}} with {one}")


def _self_loops(graph: KnowledgeGraph) -> Iterator[Finding]:
    for split in SPLITS:
        triples = graph.split(split)
        loops = triples[triples[:, 0] == triples[:, 2]]
        if len(loops):
            yield _finding(graph, "self_loops", loops, f"{split} has {{}} whose head is its tail")


def _unseen(graph: KnowledgeGraph) -> Iterator[Finding]:
    seen = np.zeros(graph.n_entities, dtype=np.bool_)
    seen[graph.train[:, 0]] = seen[graph.train[:, 2]] = True
    for split in ("valid", "test"):
        triples = graph.split(split)
        unseen = triples[~(seen[triples[:, 0]] & seen[triples[:, 2]])]
        if len(unseen):
            yield _finding(graph, "unseen_entities", unseen, f"{split} has {{}} with an entity not in train")


def _copied_relations(graph: KnowledgeGraph, leaks: Leaks) -> Iterator[Finding]:
    for overlap, answers in zip(leaks.overlaps, leaks.answers.tolist(), strict=True):
        yield _copy(graph, overlap, answers)
    if leaks.test.any():
        examples = _examples(graph, graph.test[leaks.test])
        yield Finding(
            "answered_test",
            int(leaks.test.sum()),
            examples,
            f"train answers {int(leaks.test.sum()):,} of the {len(leaks.test):,} test triples "
            f"({leaks.test_share:.1%}) through relations that copy each other or are symmetric, "
            f"for example {', '.join(examples)}",
        )


def _copy(graph: KnowledgeGraph, overlap: Overlap, answers: int) -> Finding:
    a, b = graph.relations[overlap.first], graph.relations[overlap.second]
    what = f"{overlap.shared:,} of the {overlap.first_pairs:,} pairs of {a!r}"
    given_away = f", which answers {answers:,} test triple{'s' * (answers != 1)}" if answers else ""
    names = (a,) if overlap.how == "symmetric" else (a, b)
    where = {
        "symmetric": "are there in both directions",
        "inverse": f"stand in reverse in {b!r}",
        "duplicate": f"stand in {b!r} too",
    }[overlap.how]
    return Finding(f"{overlap.how}_relations", overlap.shared, names, f"{what} {where}{given_away}")


def _finding(graph: KnowledgeGraph, kind: str, triples: Triples, message: str) -> Finding:
    examples = _examples(graph, triples)
    count = len(triples)
    number = f"{count:,} triple{'s' if count != 1 else ''}"
    return Finding(kind, count, examples, f"{message.format(number)}, for example {', '.join(examples)}")


def _examples(graph: KnowledgeGraph, triples: Triples) -> tuple[str, ...]:
    return tuple(
        f"({graph.entities[h]}, {graph.relations[r]}, {graph.entities[t]})"
        for h, r, t in triples[:EXAMPLES].tolist()
    )
