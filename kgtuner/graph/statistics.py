"""What a graph looks like in numbers: sizes, degrees, relation categories, connectedness."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from kgtuner.types import FloatArray, IntArray

if TYPE_CHECKING:
    from kgtuner.graph.knowledge_graph import KnowledgeGraph

CATEGORIES = ("1-1", "1-N", "N-1", "N-N")
MANY = 1.5  # tails a head, or heads a tail, from which a relation counts as "to many"


@dataclass(frozen=True)
class GraphStatistics:
    """Counted on train unless the name says otherwise."""

    entities: int
    relations: int
    train_triples: int
    valid_triples: int
    test_triples: int
    mean_degree: float  # triples an entity takes part in, on average over all entities; a self-loop counts 2
    max_degree: int
    relation_categories: dict[str, str]  # relation name -> 1-1, 1-N, N-1 or N-N
    category_counts: dict[str, int]  # category -> number of relations, all four named
    components: int  # weakly connected; an entity without a train triple is one of its own
    largest_component: int  # entities in it
    density: float  # train triples / (entities * entities * relations)
    self_loops: int  # triples with head = tail


def statistics(graph: KnowledgeGraph) -> GraphStatistics:
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = graph.n_entities
    heads, tails = graph.train[:, 0], graph.train[:, 2]
    degree = np.bincount(heads, minlength=n) + np.bincount(tails, minlength=n)
    adjacency = coo_array((np.ones(len(heads), dtype=np.int8), (heads, tails)), shape=(n, n)).tocsr()
    components, labels = connected_components(adjacency, directed=True, connection="weak")
    categories = relation_categories(graph)
    counts = Counter(categories.tolist())
    return GraphStatistics(
        entities=n,
        relations=graph.n_relations,
        train_triples=len(graph.train),
        valid_triples=len(graph.valid),
        test_triples=len(graph.test),
        mean_degree=float(degree.mean()) if n else 0.0,
        max_degree=int(degree.max(initial=0)),
        relation_categories=dict(zip(graph.relations, categories.tolist(), strict=True)),
        category_counts={category: counts[category] for category in CATEGORIES},
        components=int(components),
        largest_component=int(np.bincount(labels).max(initial=0)),
        density=len(graph.train) / max(n * n * graph.n_relations, 1),
        self_loops=int((heads == tails).sum()),
    )


def relation_categories(graph: KnowledgeGraph) -> npt.NDArray[np.str_]:
    """(n_relations,) "1-1", "1-N", "N-1" or "N-N", read as head side - tail side, from the train triples.

    1-N: a head has many tails on average (at least 1.5), a tail has one head.
    A relation without a train triple is called 1-1.
    Source: Bordes et al. (2013), section 4.3, https://papers.nips.cc/paper/5071
    """
    heads, relations, tails = graph.train.T
    n, size = graph.n_entities, graph.n_relations
    # Distinct (h, t) pairs a relation, so that a repeated triple does not make a relation "to many".
    pairs = _distinct_per_relation(relations, heads * n + tails, n * n, size)
    tails_per_head = _ratio(pairs, _distinct_per_relation(relations, heads, n, size))
    heads_per_tail = _ratio(pairs, _distinct_per_relation(relations, tails, n, size))
    label = 2 * (heads_per_tail >= MANY).astype(np.int64) + (tails_per_head >= MANY)
    return np.array(CATEGORIES)[label]


def _distinct_per_relation(relations: IntArray, ids: IntArray, n_ids: int, n_relations: int) -> IntArray:
    """(n_relations,) how many different ids occur with each relation."""
    codes = relations * n_ids + ids
    codes.sort()  # several times faster than np.unique on millions
    fresh = np.ones(len(codes), dtype=np.bool_)
    np.not_equal(codes[1:], codes[:-1], out=fresh[1:])
    return np.bincount(codes[fresh] // max(n_ids, 1), minlength=n_relations)


def _ratio(above: IntArray, below: IntArray) -> FloatArray:
    return above / np.maximum(below, 1)
