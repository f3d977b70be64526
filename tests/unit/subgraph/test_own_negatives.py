"""A subgraph of a typed graph with given answers keeps both."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kgtuner.graph.catalog import resolve_graph
from kgtuner.graph.entity_types import EntityTypes
from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.graph.known_answers import KnownAnswers
from kgtuner.subgraph import induced, sample_subgraph
from kgtuner.subgraph.own_negatives import own_negatives


@pytest.fixture
def graph(ogb_folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KnowledgeGraph:
    monkeypatch.setenv("KGTUNER_CACHE", str(tmp_path))
    return resolve_graph(str(ogb_folders["ogbl-biokg"]))


def test_types_stay_with_their_entities(graph: KnowledgeGraph) -> None:
    sample = sample_subgraph(graph, ratio=0.6, min_valid_triples=1)
    assert sample.graph.types is not None
    assert graph.types is not None
    assert (sample.graph.types.of_entity == graph.types.of_entity[sample.entity_ids]).all()
    assert all(name.startswith(sample.graph.types.names[kind] + ":") for name, kind in
               zip(sample.graph.entities, sample.graph.types.of_entity, strict=True))  # fmt: skip


def test_false_answers_are_as_many_of_the_right_type_and_false(graph: KnowledgeGraph) -> None:
    smaller = sample_subgraph(graph, ratio=0.6, min_valid_triples=1).graph
    assert smaller.types is not None
    facts = {tuple(row) for split in ("train", "valid", "test") for row in smaller.split(split).tolist()}
    for split in ("valid", "test"):
        given = smaller.given["valid" if split == "valid" else "test"]
        triples = smaller.split(split)
        assert given.heads.shape == given.tails.shape == (len(triples), 20)
        for (h, r, t), heads, tails in zip(triples.tolist(), given.heads, given.tails, strict=True):
            assert (smaller.types.of_entity[heads] == smaller.types.of_entity[h]).all()
            assert (smaller.types.of_entity[tails] == smaller.types.of_entity[t]).all()
            for drawn, end, column in ((heads, h, 0), (tails, t, 2)):
                same = np.flatnonzero(smaller.types.of_entity == smaller.types.of_entity[end])
                if not all(fact(e, (h, r, t), column) in facts for e in same):
                    assert not any(fact(e, (h, r, t), column) in facts for e in drawn)


def fact(entity: int, triple: tuple[int, int, int], column: int) -> tuple[int, ...]:
    """The triple with another entity at one end."""
    return (*triple[:column], int(entity), *triple[column + 1 :])


def test_they_follow_the_seed_and_differ_between_the_splits(graph: KnowledgeGraph) -> None:
    first, again, other = (
        sample_subgraph(graph, ratio=0.6, seed=seed, min_valid_triples=1).graph.given for seed in (0, 0, 1)
    )
    assert first["valid"].digest == again["valid"].digest
    assert first["valid"].digest not in (other["valid"].digest, first["test"].digest)


def test_a_query_whose_candidates_are_all_right_answers_keeps_one_of_them() -> None:
    triples = np.array([(0, 0, 0), (0, 0, 1), (0, 0, 2)])
    given = own_negatives(triples, KnownAnswers.of(triples, 3, 1), 4, np.random.default_rng(0))
    assert given.tails.shape == (3, 4)
    assert set(given.heads.ravel().tolist()) == {1, 2}  # heads that are no fact exist


def test_few_triples_are_held_out_where_each_gets_answers_of_its_own(
    graph: KnowledgeGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(induced, "HELD_OUT_WITH_NEGATIVES", 7)
    smaller = sample_subgraph(graph, ratio=0.9, min_valid_triples=1).graph
    assert (len(smaller.valid), len(smaller.test)) == (7, 7)


def test_untyped_draws_come_from_all_entities() -> None:
    triples = np.array([(0, 0, 1)])
    known = KnownAnswers.of(triples, 50, 1)
    plain = own_negatives(triples, known, 400, np.random.default_rng(0))
    assert set(plain.tails.ravel().tolist()) == set(range(50)) - {1}
    types = EntityTypes.blocks({"a": 5, "b": 45})
    typed = own_negatives(triples, known, 400, np.random.default_rng(0), types)
    assert set(typed.tails.ravel().tolist()) == {0, 2, 3, 4}
