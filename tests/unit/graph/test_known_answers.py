from __future__ import annotations

import numpy as np
import pytest

from kgtuner.errors import DataError
from kgtuner.graph.known_answers import KnownAnswers

# Three entities, two relations: 0 -0-> 1, 0 -0-> 2, 2 -1-> 0, and the first one twice.
TRIPLES = np.array([[0, 0, 2], [0, 0, 1], [2, 1, 0], [0, 0, 1]])


@pytest.fixture
def known() -> KnownAnswers:
    return KnownAnswers.of(TRIPLES, n_entities=3, n_relations=2)


def test_arrays_are_the_ones_worked_out_by_hand(known: KnownAnswers) -> None:
    # key = entity * 4 + directed relation. Tails: (0, 0) -> {1, 2} key 0, (2, 1) -> {0} key 9.
    # Heads: (1, 0 + 2) -> {0} key 6, (2, 0 + 2) -> {0} key 10, (0, 1 + 2) -> {2} key 3.
    assert known.keys.tolist() == [0, 3, 6, 9, 10]
    assert known.offsets.tolist() == [0, 2, 3, 4, 5, 6]
    assert known.answers.tolist() == [1, 2, 2, 0, 0, 0]
    assert (known.n_queries, known.n_answers) == (5, 6)


def test_answers_take_four_bytes_and_nothing_can_be_written(known: KnownAnswers) -> None:
    assert known.answers.dtype == np.int32
    assert known.keys.dtype == known.offsets.dtype == np.int64
    for array in (known.keys, known.offsets, known.answers):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_a_query_without_answer_has_an_empty_range(known: KnownAnswers) -> None:
    entities, relations = np.array([0, 1, 2, 2]), np.array([0, 0, 3, 2])
    assert known.counts(entities, relations).tolist() == [2, 0, 0, 1]


def test_a_query_beyond_the_last_key_has_an_empty_range(known: KnownAnswers) -> None:
    starts, ends = known.find(np.array([2]), np.array([3]))  # key 11, the last known one is 10
    assert starts.tolist() == ends.tolist()


def test_pairs_come_row_by_row_and_skip_rows_without_answers(known: KnownAnswers) -> None:
    rows, answers = known.pairs(np.array([1, 0, 1, 2, 0]), np.array([0, 0, 2, 1, 0]))
    assert rows.tolist() == [1, 1, 2, 3, 4, 4]
    assert answers.tolist() == [1, 2, 0, 0, 1, 2]
    assert answers.dtype == np.int64


def test_contains_looks_only_into_the_answers_of_its_own_row(known: KnownAnswers) -> None:
    everyone = np.array([[0, 1, 2]] * 3)
    found = known.contains(np.array([0, 2, 1]), np.array([0, 2, 0]), everyone)
    assert found.tolist() == [[False, True, True], [True, False, False], [False, False, False]]


def test_no_triples_means_no_answers() -> None:
    known = KnownAnswers.of(np.empty((0, 3), dtype=np.int64), n_entities=3, n_relations=2)
    query = np.array([0, 2]), np.array([1, 3])
    assert known.counts(*query).tolist() == [0, 0]
    assert known.pairs(*query)[0].tolist() == []
    assert not known.contains(*query, np.zeros((2, 4), dtype=np.int64)).any()


def test_no_queries_and_no_candidates_give_empty_results(known: KnownAnswers) -> None:
    nobody = np.empty(0, dtype=np.int64)
    assert known.contains(nobody, nobody, np.empty((0, 5), dtype=np.int64)).shape == (0, 5)
    assert known.contains(np.array([0]), np.array([0]), np.empty((1, 0), dtype=np.int64)).shape == (1, 0)
    assert known.pairs(nobody, nobody)[1].shape == (0,)


def test_a_graph_whose_queries_do_not_fit_64_bits_is_refused() -> None:
    with pytest.raises(DataError, match="too large to index"):
        KnownAnswers.of(TRIPLES, n_entities=2**31, n_relations=2)
