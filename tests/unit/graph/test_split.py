from __future__ import annotations

import numpy as np
import pytest

from kgtuner.errors import DataError
from kgtuner.graph.leaks import overlapping_relations
from kgtuner.graph.split import split_triples
from kgtuner.types import Triples


def dense(n: int = 20) -> Triples:
    """Every entity with every other one: n * n triples, of which about n must stay in train."""
    return np.array([(h, 0, t) for h in range(n) for t in range(n)])


def test_the_shares_are_the_ones_asked_for() -> None:
    parts = split_triples(dense(), valid=0.05, test=0.1, seed=0)
    assert (len(parts.train), len(parts.valid), len(parts.test)) == (340, 20, 40)


def test_a_share_of_zero_gives_an_empty_split() -> None:
    parts = split_triples(dense(), valid=0.0, test=0.1, seed=0)
    assert (len(parts.train), len(parts.valid), len(parts.test)) == (360, 0, 40)
    assert parts.valid.shape == (0, 3)


def test_the_seed_decides_what_is_held_out() -> None:
    first, again, other = (split_triples(dense(), seed=seed) for seed in (1, 1, 2))
    assert first.valid.tolist() == again.valid.tolist()
    assert first.test.tolist() == again.test.tolist()
    assert first.valid.tolist() != other.valid.tolist()


def test_repeated_triples_are_counted_and_left_out() -> None:
    parts = split_triples(np.concatenate([dense(), dense()[:7]]), seed=0)
    assert parts.duplicates == 7
    assert sum(map(len, parts[:3])) == 400


def test_a_sparse_graph_shares_out_what_it_can_spare() -> None:
    # 24 triples on 12 entities: 90% of them are asked for, but train needs at least 6 to have them all.
    ring = np.array([(i, 0, (i + 1) % 12) for i in range(12)] + [(i, 0, (i + 2) % 12) for i in range(12)])
    parts = split_triples(ring, valid=0.45, test=0.45, seed=0)
    assert len(parts.valid) == len(parts.test) or abs(len(parts.valid) - len(parts.test)) == 1
    assert set(parts.train[:, [0, 2]].ravel()) == set(range(12))


@pytest.mark.parametrize("triples", [[(0, 0, 1)], [(0, 0, 1), (1, 0, 2), (2, 0, 3)]])
def test_a_graph_that_can_spare_nothing_is_refused(triples: list[tuple[int, int, int]]) -> None:
    with pytest.raises(DataError, match="too small to split"):
        split_triples(np.array(triples), seed=0)


@pytest.mark.parametrize(("valid", "test"), [(-0.1, 0.1), (0.5, 0.5), (float("nan"), 0.1)])
def test_shares_that_leave_no_train_are_refused(valid: float, test: float) -> None:
    with pytest.raises(DataError, match="sum below 1"):
        split_triples(dense(), valid=valid, test=test, seed=0)


def test_groups_are_held_out_without_leaving_an_entity_or_a_relation_untrained() -> None:
    # Each entity has two neighbours, asked about both ways; relation 1 has all of its pairs in one place.
    steps = [(i, (i + d) % 12) for i in range(12) for d in (1, 2)]
    triples = np.array([row for h, t in steps for row in ((h, 0, t), (t, 0, h))] + [(0, 1, 6)])
    overlaps = overlapping_relations(triples)
    assert [(o.how, o.first) for o in overlaps] == [("symmetric", 0)]
    for seed in range(10):
        parts = split_triples(triples, valid=0.4, test=0.4, seed=seed, overlaps=overlaps)
        assert set(parts.train[:, [0, 2]].ravel()) == set(range(12))
        assert set(parts.train[:, 1]) == {0, 1}
        for held_out in (parts.valid, parts.test):
            there = {tuple(row) for row in held_out.tolist()}
            assert there
            assert {(t, r, h) for h, r, t in there} == there
