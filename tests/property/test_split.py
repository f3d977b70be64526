from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kgtuner.errors import DataError
from kgtuner.graph.split import brings_something_new, distinct_triples, split_triples

rows = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 2), st.integers(0, 9)), min_size=1, max_size=80)


@given(rows, st.integers(0, 5))
def test_nothing_in_valid_or_test_is_unseen_in_train(triples: list[tuple[int, int, int]], seed: int) -> None:
    try:
        parts = split_triples(np.array(triples), valid=0.2, test=0.2, seed=seed)
    except DataError:
        return
    held_out = np.concatenate([parts.valid, parts.test])
    assert set(held_out[:, [0, 2]].ravel()) <= set(parts.train[:, [0, 2]].ravel())
    assert set(held_out[:, 1]) <= set(parts.train[:, 1])


@given(rows, st.integers(0, 5))
def test_no_triple_is_lost_or_in_two_splits(triples: list[tuple[int, int, int]], seed: int) -> None:
    try:
        parts = split_triples(np.array(triples), valid=0.1, test=0.3, seed=seed)
    except DataError:
        return
    everything = Counter(map(tuple, np.concatenate(parts[:3]).tolist()))
    assert everything == Counter(set(triples))
    assert parts.duplicates == len(triples) - len(set(triples))


@given(rows)
def test_distinct_triples_keeps_the_first_of_each_in_order(triples: list[tuple[int, int, int]]) -> None:
    assert [tuple(t) for t in distinct_triples(np.array(triples)).tolist()] == list(dict.fromkeys(triples))


@given(rows)
def test_a_triple_brings_something_new_as_a_loop_would_say(triples: list[tuple[int, int, int]]) -> None:
    seen_entities: set[int] = set()
    seen_relations: set[int] = set()
    expected = []
    for h, r, t in triples:
        expected.append(not {h, t} <= seen_entities or r not in seen_relations)
        seen_entities |= {h, t}
        seen_relations.add(r)
    assert brings_something_new(np.array(triples)).tolist() == expected
