"""The subgraph that train triples induce on some entities, as a KnowledgeGraph of its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kgtuner.errors import DataError
from kgtuner.graph import KnowledgeGraph
from kgtuner.graph.given_negatives import GivenNegatives
from kgtuner.graph.known_answers import KnownAnswers
from kgtuner.graph.split import split_triples
from kgtuner.subgraph.own_negatives import own_negatives
from kgtuner.types import IntArray, Split

VALID_SHARE = 0.05
TEST_SHARE = 0.05

HELD_OUT_WITH_NEGATIVES = 20_000
"""Triples of the new valid, and of the new test, at most, where each of them gets false answers of its own."""

# Reciprocal ranks spread by up to about 0.4, and a triple gives two of them: with 100 triples the MRR
# has a standard error near 0.03. Configurations of a search space differ by more than that, the best
# ones among them hardly; with fewer triples stage one would choose by luck.
MIN_VALID_TRIPLES = 100


@dataclass(frozen=True, eq=False)
class Subgraph:
    """A smaller graph and where its entities and relations are in the full one."""

    graph: KnowledgeGraph
    entity_ids: IntArray  # (graph.n_entities,) subgraph id -> id in the full graph, ascending
    relation_ids: IntArray  # (graph.n_relations,) likewise
    ratio: float  # of the entities, as asked for
    starts: int
    seed: int
    method: str


def induced_subgraph(
    graph: KnowledgeGraph,
    visited: IntArray,
    *,
    ratio: float,
    starts: int,
    seed: int,
    method: str,
    min_valid_triples: int = MIN_VALID_TRIPLES,
) -> Subgraph:
    """Keep the train triples between visited entities, number them anew and split them 90/5/5.

    Nothing of the full graph's valid and test splits enters. Visited entities and relations without
    a triple left are dropped. Every entity and relation of the new valid and test occurs in the new train.
    Types stay. Where the full graph has given false answers, the new valid and test get their own, as many a side.

    Raises:
        DataError: if fewer than `min_valid_triples` triples are left to validate on.
    """
    inside = np.zeros(graph.n_entities, dtype=np.bool_)
    inside[visited] = True
    kept = graph.train[inside[graph.train[:, 0]] & inside[graph.train[:, 2]]]
    name = f"{graph.name}-subgraph-{ratio:g}"
    most = HELD_OUT_WITH_NEGATIVES / max(len(kept), 1) if graph.given else 1.0
    try:
        parts = split_triples(kept, valid=min(VALID_SHARE, most), test=min(TEST_SHARE, most), seed=seed)
        n_valid = len(parts.valid)
    except DataError:
        n_valid = 0
    if n_valid < max(min_valid_triples, 1):
        raise DataError(
            f"{graph.name} is too small for a subgraph of {ratio:.0%} of its entities: {len(kept)} triples "
            f"would be left and {n_valid} of them to validate on, at least {max(min_valid_triples, 1)} are "
            "needed; use a larger ratio or the full graph"
        )
    entity_ids = np.unique(kept[:, [0, 2]])
    relation_ids = np.unique(kept[:, 1])
    new_entity = _positions(entity_ids, graph.n_entities)
    new_relation = _positions(relation_ids, graph.n_relations)
    splits = []
    for triples in (parts.train, parts.valid, parts.test):
        renumbered = np.column_stack(
            (new_entity[triples[:, 0]], new_relation[triples[:, 1]], new_entity[triples[:, 2]])
        )
        renumbered.setflags(write=False)
        splits.append(renumbered)
    for ids in (entity_ids, relation_ids):
        ids.setflags(write=False)
    types = None if graph.types is None else graph.types.selected(entity_ids)
    given: dict[Split, GivenNegatives] = {}
    if graph.given:
        count = next(iter(graph.given.values())).count
        known = KnownAnswers.of(np.concatenate(splits), len(entity_ids), len(relation_ids))
        for number, (split, held_out) in enumerate(zip(("valid", "test"), splits[1:], strict=True)):
            rng = np.random.default_rng([seed, 3, number])
            given["valid" if split == "valid" else "test"] = own_negatives(held_out, known, count, rng, types)
    smaller = KnowledgeGraph(
        name,
        tuple(graph.entities[i] for i in entity_ids.tolist()),
        tuple(graph.relations[i] for i in relation_ids.tolist()),
        splits[0],
        splits[1],
        splits[2],
        types,
        given,
    )
    return Subgraph(smaller, entity_ids, relation_ids, ratio, starts, seed, method)


def _positions(ids: IntArray, size: int) -> IntArray:
    """(size,) where each id stands in `ids`, -1 where it does not."""
    positions = np.full(size, -1, dtype=np.int64)
    positions[ids] = np.arange(len(ids))
    return positions
