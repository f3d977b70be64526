from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import kgtuner as kt
from kgtuner.errors import DataError
from kgtuner.graph import KnowledgeGraph, leaks
from kgtuner.graph.leaks import (
    Overlap,
    answered,
    find_leaks,
    leak_groups,
    overlapping_relations,
    redundant_relations,
)
from kgtuner.types import Triples

PAIRS = [(i, (7 * i + 3) % 100) for i in range(100)]  # no pair is the reverse of another, none a loop


def relation(r: int, pairs: list[tuple[int, int]]) -> list[tuple[int, int, int]]:
    return [(h, r, t) for h, t in pairs]


def turned(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    return [(t, h) for h, t in pairs]


def found(
    triples: list[tuple[int, int, int]], threshold: float = 0.8
) -> list[tuple[str, int, int, int, bool]]:
    overlaps = overlapping_relations(np.array(triples), threshold=threshold)
    return [(o.how, o.first, o.second, o.shared, o.mutual) for o in overlaps]


def planted(seed: int = 0, n: int = 3000) -> Triples:
    """Relations 0, 1 and 2 at random; 3 is the inverse of 0, 4 a copy of 1, 5 is symmetric."""
    rng = np.random.default_rng(seed)
    base = np.column_stack((rng.integers(0, 400, n), rng.integers(0, 3, n), rng.integers(0, 400, n)))
    inverse = base[base[:, 1] == 0][:, [2, 1, 0]] + (0, 3, 0)
    copy = base[base[:, 1] == 1] + (0, 3, 0)
    half = np.column_stack((rng.integers(0, 400, 300), np.full(300, 5), rng.integers(0, 400, 300)))
    return rng.permutation(np.concatenate([base, inverse, copy, half, half[:, [2, 1, 0]]]))


def test_planted_inverses_duplicates_and_symmetric_relations_are_found_and_nothing_else() -> None:
    overlaps = overlapping_relations(planted())
    assert {(o.how, o.first, o.second) for o in overlaps} == {
        ("inverse", 0, 3),
        ("inverse", 3, 0),
        ("duplicate", 1, 4),
        ("duplicate", 4, 1),
        ("symmetric", 5, 5),
    }
    assert all(o.mutual and o.share == 1 for o in overlaps)


def test_of_a_random_split_about_the_planted_share_is_answered() -> None:
    # Relations 0, 1, 3, 4 and 5 leak: about 4,600 of 5,600 triples, each if its partner is in train (80%).
    triples = planted()
    graph = KnowledgeGraph.from_arrays(triples, name="planted")
    result = find_leaks(graph)
    partners = {(t, 3 - r, h) for h, r, t in graph.train.tolist() if r in (0, 3)}
    partners |= {(h, 5 - r, t) for h, r, t in graph.train.tolist() if r in (1, 4)}
    partners |= {(t, r, h) for h, r, t in graph.train.tolist() if r == 5}
    expected = [tuple(triple) in partners for triple in graph.test.tolist()]
    assert result.test.tolist() == expected
    assert 0.6 < result.test_share < 0.75
    assert result.test_by_mutual.tolist() == expected
    assert result.answers.sum() >= sum(expected)


def test_a_part_of_a_larger_relation_gives_it_away_but_not_the_other_way_round() -> None:
    triples = relation(0, PAIRS) + relation(1, PAIRS[:50])
    assert found(triples) == [("duplicate", 1, 0, 50, False)]
    assert redundant_relations(overlapping_relations(np.array(triples))) == ()


@pytest.mark.parametrize(("copied", "expected"), [(80, 0), (81, 2)])
def test_the_share_must_be_above_the_threshold(copied: int, expected: int) -> None:
    own = [(h, (t + 50) % 100) for h, t in PAIRS[copied:]]
    assert len(found(relation(0, PAIRS) + relation(1, turned(PAIRS[:copied]) + own))) == expected


def test_another_threshold_finds_more() -> None:
    triples = relation(0, PAIRS) + relation(1, PAIRS[:60] + [(h, (t + 50) % 100) for h, t in PAIRS[60:]])
    assert found(triples) == []
    assert [row[:3] for row in found(triples, 0.5)] == [("duplicate", 0, 1), ("duplicate", 1, 0)]


def test_repeated_triples_and_self_loops_do_not_count() -> None:
    loops = [(i, i) for i in range(100)]
    assert found(relation(0, loops) + relation(1, loops)) == []
    copies = relation(0, PAIRS[:9]) * 5 + relation(1, PAIRS[:9]) * 5
    assert found(copies) == []  # nine pairs however often they are repeated


def test_blocks_of_any_size_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = overlapping_relations(planted())
    monkeypatch.setattr(leaks, "BLOCK", 100)
    assert overlapping_relations(planted()) == tuple(
        sorted(whole, key=lambda o: (o.how != "duplicate", o.first))
    )


def test_an_answer_must_stand_in_train_in_the_right_direction() -> None:
    inverse = [Overlap("inverse", 0, 1, 10, 10, 10, True)]
    train = np.array([(1, 0, 2), (3, 1, 4)])
    held_out = np.array([(2, 1, 1), (1, 1, 2), (4, 0, 3)])
    hit, by = answered(held_out, train, inverse)
    assert hit.tolist() == [True, False, False]  # the last would need the overlap from the other side
    assert by.tolist() == [1]
    assert answered(held_out, train, [])[0].tolist() == [False] * 3


def test_an_overlap_is_counted_for_each_triple_that_it_answers() -> None:
    overlaps = [Overlap("duplicate", 0, 2, 9, 9, 9, True), Overlap("symmetric", 2, 2, 9, 9, 9, True)]
    train = np.array([(1, 0, 2), (2, 2, 1), (5, 2, 6)])
    hit, by = answered(np.array([(1, 2, 2), (6, 2, 5), (7, 2, 8)]), train, overlaps)
    assert (hit.tolist(), by.tolist()) == ([True, True, False], [1, 2])


def test_groups_hold_the_triples_that_give_each_other_away() -> None:
    overlaps = [Overlap("inverse", 0, 1, 9, 9, 9, True)]
    groups = leak_groups(
        np.array([(1, 0, 2), (2, 1, 1), (2, 2, 1), (1, 2, 2), (1, 0, 3), (1, 1, 2)]), overlaps
    )
    assert groups[0] == groups[1] == groups[5]
    assert len({groups[0], groups[2], groups[3], groups[4]}) == 4  # relation 2 overlaps with nothing


def test_of_copies_the_largest_is_kept() -> None:
    overlaps = [
        Overlap("duplicate", 0, 1, 90, 90, 95, True),
        Overlap("duplicate", 1, 0, 90, 95, 90, True),
        Overlap("inverse", 1, 2, 90, 95, 95, True),
        Overlap("symmetric", 3, 3, 90, 90, 90, True),
    ]
    assert redundant_relations(overlaps) == (0, 2)


def test_a_threshold_that_is_no_share_is_refused() -> None:
    with pytest.raises(DataError, match="must be a share between 0 and 1, got 1"):
        overlapping_relations(np.array([(0, 0, 1)]), threshold=1)


def test_world_was_split_without_leaks() -> None:
    result = find_leaks(kt.load_dataset("world"))
    assert {o.first for o in result.overlaps if o.how == "symmetric"}  # near and borders
    assert result.test_share == 0


def test_wn18rr_has_a_third_of_its_test_triples_reversed_in_train(data_dir: Path) -> None:
    graph = KnowledgeGraph.from_tsv(data_dir / "wn18rr")
    train = {(h, r, t) for h, r, t in graph.train.tolist()}
    symmetric = {
        graph.relation_id(f"_{name}") for name in ("derivationally_related_form", "verb_group", "similar_to")
    }
    result = find_leaks(graph)
    assert {o.first for o in result.overlaps} == symmetric
    assert {o.how for o in result.overlaps} == {"symmetric"}
    expected = [r in symmetric and (t, r, h) in train for h, r, t in graph.test.tolist()]
    assert result.test.tolist() == expected
    assert sum(expected) == 1052


def test_fb15k_237_has_no_test_answer_in_train(data_dir: Path) -> None:
    result = find_leaks(KnowledgeGraph.from_tsv(data_dir / "fb15k-237"))
    assert result.test_share == 0
    assert {o.how for o in result.overlaps} == {"duplicate", "inverse", "symmetric"}


@pytest.mark.slow
def test_a_million_triples_with_many_copied_relations_take_seconds() -> None:
    import time

    rng = np.random.default_rng(0)
    half = np.column_stack(
        (rng.integers(0, 10**5, 500_000), rng.integers(0, 500, 500_000), rng.integers(0, 10**5, 500_000))
    )
    triples = np.concatenate([half, half[:, [2, 1, 0]] + (0, 500, 0)])
    began = time.perf_counter()
    assert len(overlapping_relations(triples)) == 1000
    assert time.perf_counter() - began < 30
