from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgtuner.graph import leaks
from kgtuner.graph.leaks import answered, overlapping_relations

rows = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3), st.integers(0, 5)), min_size=1, max_size=120)


@pytest.fixture(autouse=True, scope="module")
def _few_pairs_are_enough() -> object:
    usual, leaks.ENOUGH_PAIRS = leaks.ENOUGH_PAIRS, 3
    yield
    leaks.ENOUGH_PAIRS = usual


def slowly(triples: list[tuple[int, int, int]], threshold: float) -> set[tuple[str, int, int, int]]:
    pairs: dict[int, set[tuple[int, int]]] = {}
    for h, r, t in triples:
        if h != t:
            pairs.setdefault(r, set()).add((h, t))
    result = set()
    for a, mine in pairs.items():
        for b, theirs in pairs.items():
            same, reverse = len(mine & theirs), len(mine & {(t, h) for h, t in theirs})
            if len(mine) >= 3 and a != b and same > threshold * len(mine):
                result.add(("duplicate", a, b, same))
            if len(mine) >= 3 and reverse > threshold * len(mine):
                result.add(("symmetric" if a == b else "inverse", a, b, reverse))
    return result


@given(rows, st.sampled_from([0.3, 0.5, 0.8]))
def test_overlaps_are_those_that_two_loops_find(
    triples: list[tuple[int, int, int]], threshold: float
) -> None:
    overlaps = overlapping_relations(np.array(triples), threshold=threshold)
    assert {(o.how, o.first, o.second, o.shared) for o in overlaps} == slowly(triples, threshold)
    assert len(overlaps) == len(slowly(triples, threshold))


@given(rows, rows)
def test_answers_are_those_that_a_loop_finds(
    train: list[tuple[int, int, int]], test: list[tuple[int, int, int]]
) -> None:
    overlaps = overlapping_relations(np.array(train + test), threshold=0.5)
    expected = [
        any(
            o.second == r and ((h, o.first, t) if o.how == "duplicate" else (t, o.first, h)) in set(train)
            for o in overlaps
        )
        for h, r, t in test
    ]
    assert answered(np.array(test), np.array(train), overlaps)[0].tolist() == expected
