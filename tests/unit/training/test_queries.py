"""Directed queries, their weights, their known answers, and batches of them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kgtuner.graph.known_answers import KnownAnswers
from kgtuner.training.queries import Batches, FalseNegatives, TrainingQueries

TRAIN = np.array([[0, 0, 1], [0, 0, 2], [3, 0, 1], [1, 1, 0], [2, 1, 2]])
N, R = 4, 2


def of(train: np.ndarray, n: int = N, r: int = R, *, frequency_weights: bool = True) -> TrainingQueries:
    known = KnownAnswers.of(train, n, r)
    return TrainingQueries.of(
        train, known, n, r, frequency_weights=frequency_weights, device=torch.device("cpu")
    )


def test_every_triple_is_asked_about_from_both_sides() -> None:
    queries = of(TRAIN)
    asked = torch.stack([queries.entity, queries.relation, queries.answer], 1).tolist()
    assert asked[:5] == [[0, 0, 1], [0, 0, 2], [3, 0, 1], [1, 1, 0], [2, 1, 2]]
    assert asked[5:] == [[1, 2, 0], [2, 2, 0], [1, 2, 3], [0, 3, 1], [2, 3, 2]]
    assert len(queries) == 10


def test_frequency_weights_by_hand() -> None:
    # A query counts 4 when it is seen once, 5 when twice. (0, 0, ?) and (?, 0, 1) are seen twice:
    # (0, 0, 1) has n = 5 + 5, (0, 0, 2) and (3, 0, 1) have 5 + 4, the others 4 + 4. Both directions alike.
    expected = [1 / math.sqrt(n) for n in (10, 9, 9, 8, 8)]
    assert of(TRAIN).weight.tolist() == pytest.approx(expected * 2)


def test_frequencies_count_repeated_triples() -> None:
    repeated = np.array([[0, 0, 1], [0, 0, 1], [2, 0, 3]])
    assert of(repeated).weight[:3].tolist() == pytest.approx([1 / math.sqrt(10)] * 2 + [1 / math.sqrt(8)])


def test_without_frequency_weights_all_queries_count_alike() -> None:
    assert of(TRAIN, frequency_weights=False).weight.tolist() == [1.0] * 10


def test_distinct_queries_have_all_their_answers() -> None:
    queries = of(TRAIN)
    groups = torch.arange(len(queries.group_entity))
    rows, answers = queries.expand(groups)
    found: dict[tuple[int, int], list[int]] = {}
    for row, answer in zip(rows.tolist(), answers.tolist(), strict=True):
        found.setdefault((int(queries.group_entity[row]), int(queries.group_relation[row])), []).append(
            answer
        )
    assert found == {
        (0, 0): [1, 2],
        (3, 0): [1],
        (1, 1): [0],
        (2, 1): [2],
        (1, 2): [0, 3],
        (2, 2): [0],
        (0, 3): [1],
        (2, 3): [2],
    }
    for entity, relation, group in zip(queries.entity, queries.relation, queries.group, strict=True):
        assert (queries.group_entity[group], queries.group_relation[group]) == (entity, relation)


def test_expanding_follows_the_order_asked_for() -> None:
    queries = of(TRAIN)
    group = {
        pair: i
        for i, pair in enumerate(
            zip(queries.group_entity.tolist(), queries.group_relation.tolist(), strict=True)
        )
    }
    rows, answers = queries.expand(torch.tensor([group[1, 2], group[2, 1], group[1, 2]]))
    assert rows.tolist() == [0, 0, 1, 2, 2]
    assert answers.tolist() == [0, 3, 2, 0, 3]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_false_negatives_are_those_that_a_search_through_train_finds(data: st.DataObject) -> None:
    n, r = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 2))
    triple = st.tuples(st.integers(0, n - 1), st.integers(0, r - 1), st.integers(0, n - 1))
    train = np.array(data.draw(st.lists(triple, min_size=1, max_size=12)))
    queries = of(train, n, r)
    batch = torch.tensor(data.draw(st.lists(st.integers(0, len(queries) - 1), min_size=1, max_size=5)))
    width = data.draw(st.integers(1, 4))
    ids = st.lists(st.integers(0, n - 1), min_size=width, max_size=width)
    shared = torch.tensor(data.draw(ids))
    own = torch.tensor([data.draw(ids) for _ in batch])
    finder = FalseNegatives(queries)
    right = set(zip(queries.entity.tolist(), queries.relation.tolist(), queries.answer.tolist(), strict=True))
    for negatives in (shared, own, shared):
        wide = negatives.expand(len(batch), width).tolist()
        expected = [
            [(int(queries.entity[q]), int(queries.relation[q]), c) not in right for c in row]
            for q, row in zip(batch.tolist(), wide, strict=True)
        ]
        valid = finder.valid(queries.group[batch], negatives)
        assert (valid.tolist() if valid is not None else [[True] * width] * len(batch)) == expected


def test_search_for_false_negatives_leaves_no_marks() -> None:
    # Old marks would change no answer, but every later search would have more and more to look up.
    finder = FalseNegatives(of(TRAIN))
    finder.valid(torch.tensor([0, 1, 2]), torch.tensor([1, 2, 3]))
    assert not finder._marked.any()


def batches(n: int, size: int, seed: int = 0) -> Batches:
    return Batches(n, size, torch.Generator().manual_seed(seed))


@settings(max_examples=60, deadline=None)
@given(n=st.integers(1, 40), size=st.integers(1, 50))
def test_a_pass_takes_each_position_once(n: int, size: int) -> None:
    source = batches(n, size)
    for _ in range(3):
        taken: list[int] = []
        while len(taken) < n:
            batch = source.next().tolist()
            assert 1 <= len(batch) <= size + 1
            assert len(batch) > 1 or n == 1 or size == 1  # batch normalisation needs two
            taken += batch
        assert sorted(taken) == list(range(n))


def test_passes_differ_in_their_order() -> None:
    source = batches(100, 100)
    assert source.next().tolist() != source.next().tolist()


def test_batches_go_on_from_a_saved_place() -> None:
    source = batches(23, 5)
    for _ in range(7):
        source.next()
    other = batches(23, 5, seed=9)
    other.generator.set_state(source.generator.get_state())
    other.order, other.place = source.order.clone(), source.place
    for _ in range(12):
        assert torch.equal(source.next(), other.next())
