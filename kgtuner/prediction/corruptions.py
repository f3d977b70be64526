"""False triples to calibrate and to classify against: true ones with one entity replaced."""

from __future__ import annotations

import numpy as np

from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.types import SPLITS, IntArray, Triples

REPEATS = 2
"""How many corruptions of each of the four kinds a triple gets."""

TRIES = 16
"""Draws for one corruption; where all of them are facts, there is none."""


def corrupt(graph: KnowledgeGraph, triples: Triples, seed: int) -> tuple[Triples, IntArray]:
    """Corruptions of (n, 3) triples: four kinds, each REPEATS times, 8 for a triple where all can be had.

    The head or the tail is replaced, by an entity drawn uniformly from all entities, or uniformly from
    those that occur at this end of the relation in train (its observed domain or range). The second is
    harder: a capital is replaced by a capital, not by a currency. What stands in train, valid or test is
    drawn again, up to TRIES times; where every draw was a fact, that corruption is left out.

    Returns:
        (m, 3) corruptions and, for each, (m,) the row of the triple it was made from.
    """
    rng = np.random.default_rng([seed, len(triples)])
    facts = graph.known_answers(SPLITS)
    pools, starts = _observed(graph)
    made, origins = [], []
    for replaced, shift in ((2, 0), (0, graph.n_relations)):
        relation = triples[:, 1] + shift  # directed: what is asked is the entity to be replaced
        kept = triples[:, 2 - replaced]
        sizes = (starts[relation + 1] - starts[relation])[:, None]
        for typed in (False, True):
            for _ in range(REPEATS):
                shape = (len(triples), TRIES)
                if typed:
                    place = starts[relation][:, None] + (rng.random(shape) * sizes).astype(np.int64)
                    drawn = pools[place]
                else:
                    drawn = rng.integers(0, graph.n_entities, shape)
                false = ~facts.contains(kept, relation, drawn)
                rows = np.flatnonzero(false.any(1))
                corrupted = triples[rows].copy()
                corrupted[:, replaced] = drawn[rows, false[rows].argmax(1)]
                made.append(corrupted)
                origins.append(rows)
    return np.concatenate(made), np.concatenate(origins)


def _observed(graph: KnowledgeGraph) -> tuple[IntArray, IntArray]:
    """Entities that occur as answers of each directed relation in train: pools[starts[r]:starts[r + 1]]."""
    train, n = graph.train, graph.n_relations
    relation = np.concatenate([train[:, 1], train[:, 1] + n])
    codes = np.unique(relation * graph.n_entities + np.concatenate([train[:, 2], train[:, 0]]))
    starts = np.searchsorted(codes // graph.n_entities, np.arange(2 * n + 1))
    return codes % graph.n_entities, starts
