"""False answers for a subgraph of a graph that is ranked among given ones, so that stage one follows the same rule.

As many a side as the full graph has, seeded, of the right type, and none of them a known answer in the subgraph.
The published runs drew theirs without a look at what is true.
"""

from __future__ import annotations

import numpy as np

from kgtuner.graph.entity_types import EntityTypes
from kgtuner.graph.given_negatives import GivenNegatives
from kgtuner.graph.known_answers import KnownAnswers
from kgtuner.types import BoolArray, IntArray, Triples

TRIES = 20
"""Draws for one place; where all of them are right answers, every entity is looked at."""

AT_ONCE = 1 << 16  # few queries at a time, so that few entities are right answers of one of them


def own_negatives(
    triples: Triples,
    known: KnownAnswers,
    count: int,
    rng: np.random.Generator,
    types: EntityTypes | None = None,
) -> GivenNegatives:
    """(n, count) false heads and tails of (n, 3) triples.

    Args:
        known: the right answers that must not be among them.
        types: a negative is of the type of what it replaces; None for any entity.
    """
    sides = {}
    for side, asked, answer, shift in (("head", 2, 0, known.n_relations), ("tail", 0, 2, 0)):
        made = np.empty((len(triples), count), dtype=np.int32)
        step = max(1, AT_ONCE // count)
        for start in range(0, len(triples), step):
            rows = slice(start, start + step)
            part = triples[rows]
            made[rows] = _drawn_false(
                part[:, asked], part[:, 1] + shift, part[:, answer], known, count, rng, types
            )
        sides[side] = made
    return GivenNegatives.of(sides["head"], sides["tail"])


def _drawn_false(
    entity: IntArray,
    relation: IntArray,
    answer: IntArray,
    known: KnownAnswers,
    count: int,
    rng: np.random.Generator,
    types: EntityTypes | None,
) -> IntArray:
    drawn = _drawn(np.repeat(answer[:, None], count, 1), known.n_entities, rng, types)
    for _ in range(TRIES):
        rows, columns = np.nonzero(_right(entity, relation, drawn, known))
        if not len(rows):
            return drawn
        drawn[rows, columns] = _drawn(answer[rows], known.n_entities, rng, types)
    rows, columns = np.nonzero(_right(entity, relation, drawn, known))
    for row in np.unique(rows).tolist():
        pool = np.arange(known.n_entities)
        if types is not None:
            pool = pool[types.of_entity == types.of_entity[answer[row]]]
        false = pool[~known.contains(entity[row : row + 1], relation[row : row + 1], pool[None])[0]]
        places = columns[rows == row]
        if len(false):  # else all are right answers, and what was drawn stays
            drawn[row, places] = rng.choice(false, len(places))
    return drawn


def _drawn(
    answer: IntArray, n_entities: int, rng: np.random.Generator, types: EntityTypes | None
) -> IntArray:
    """An entity in the place of each answer, in its shape."""
    if types is None:
        return rng.integers(0, n_entities, answer.shape)
    kind = types.of_entity[answer]
    place = (rng.random(answer.shape) * np.diff(types.starts)[kind]).astype(np.int64)
    drawn: IntArray = types.members[types.starts[kind] + place]
    return drawn


def _right(entity: IntArray, relation: IntArray, drawn: IntArray, known: KnownAnswers) -> BoolArray:
    """(n, k) bool, whether a drawn entity is a right answer. Few are, so a table of marks rules most of them out."""
    _, answers = known.pairs(entity, relation)
    marked = np.zeros(known.n_entities, dtype=np.bool_)
    marked[answers] = True
    suspects: BoolArray = marked[drawn]
    at_row, at_column = np.nonzero(suspects)
    if len(at_row):
        true = known.contains(entity[at_row], relation[at_row], drawn[at_row, at_column][:, None])[:, 0]
        suspects[at_row[~true], at_column[~true]] = False
    return suspects
