from __future__ import annotations

from pathlib import Path

import pytest

from kgtuner.graph import KnowledgeGraph
from kgtuner.graph.audit import Finding

Rows = list[tuple[int, int, int]]
PATH: Rows = [(i, 0, i + 1) for i in range(20)]
SIDE: Rows = [(0, 0, 5)]
OTHER_SIDE: Rows = [(0, 0, 7)]


def audited(train: Rows, valid: Rows = SIDE, test: Rows = OTHER_SIDE) -> tuple[Finding, ...]:
    names = [f"e{i}" for i in range(30)], ["a", "b"]
    return KnowledgeGraph.from_arrays(train, valid, test, *names).audit()


def kinds(findings: tuple[Finding, ...]) -> list[tuple[str, int]]:
    return [(finding.kind, finding.count) for finding in findings]


def test_a_clean_graph_has_no_finding() -> None:
    assert audited(PATH) == ()


def test_repetitions_are_counted_without_the_first_one() -> None:
    (finding,) = audited([*PATH, PATH[3], PATH[3], PATH[0]])
    assert (finding.kind, finding.count) == ("duplicate_triples", 3)
    assert finding.examples == ("(e3, a, e4)", "(e3, a, e4)", "(e0, a, e1)")
    assert finding.message.startswith("train repeats 3 triples of its own, for example (e3, a, e4)")


def test_a_leak_names_both_splits() -> None:
    findings = audited(PATH, valid=[*SIDE, PATH[2]], test=[*OTHER_SIDE, PATH[2], *SIDE])
    assert kinds(findings) == [("leak", 1), ("leak", 1), ("leak", 2)]
    assert [finding.message.split(",")[0] for finding in findings] == [
        "valid shares 1 triple with train",
        "test shares 1 triple with train",
        "test shares 2 triples with valid",
    ]


def test_the_reverse_of_a_triple_is_no_leak() -> None:
    assert audited(PATH, valid=[(1, 0, 0)]) == ()


def test_self_loops_are_counted_by_split() -> None:
    findings = audited([*PATH, (4, 0, 4)], test=[(5, 0, 5), (6, 0, 6)])
    assert kinds(findings) == [("self_loops", 1), ("self_loops", 2)]
    assert [finding.message.split()[0] for finding in findings] == ["train", "test"]


def test_triples_with_an_entity_that_train_lacks_are_counted() -> None:
    findings = audited(PATH, valid=[(0, 0, 25), (25, 0, 26), (0, 0, 9)])
    assert kinds(findings) == [("unseen_entities", 2)]
    assert findings[0].examples == ("(e0, a, e25)", "(e25, a, e26)")


def test_an_inverse_copy_is_found_from_both_sides() -> None:
    findings = audited(PATH + [(t, 1, h) for h, _, t in PATH])
    assert [(f.kind, f.examples, f.count) for f in findings] == [
        ("inverse_relations", ("a", "b"), 20),
        ("inverse_relations", ("b", "a"), 20),
    ]
    # SIDE and OTHER_SIDE, which are valid and test, belong to the pairs of a as well.
    assert findings[0].message == "20 of the 22 pairs of 'a' stand in reverse in 'b'"


def test_a_part_of_a_larger_relation_is_found_from_its_side_only() -> None:
    findings = audited(PATH + [(h, 1, t) for h, _, t in PATH[:12]])
    assert [(f.kind, f.examples, f.count) for f in findings] == [("duplicate_relations", ("b", "a"), 12)]


@pytest.mark.parametrize(("copied", "found"), [(17, 0), (18, 1)])
def test_a_copy_needs_more_than_four_fifths_of_the_pairs(copied: int, found: int) -> None:
    # a has 20 pairs in train, one in valid and one in test; b has 30, so its own share of copies stays below.
    own = [(20, 1, i) for i in range(30 - copied)]
    assert len(audited(PATH + [(t, 1, h) for h, _, t in PATH[:copied]] + own)) == found


def test_a_handful_of_pairs_is_no_copy() -> None:
    assert audited(PATH + [(h, 1, t) for h, _, t in PATH[:9]]) == ()


def test_a_symmetric_relation_is_told_from_an_inverse_copy() -> None:
    findings = audited(PATH + [(t, 0, h) for h, _, t in PATH])
    assert [(f.kind, f.examples, f.count) for f in findings] == [("symmetric_relations", ("a",), 40)]


def test_benchmark_graphs_have_the_flaws_that_are_known_of_them(data_dir: Path) -> None:
    found = KnowledgeGraph.from_tsv(data_dir / "wn18rr").audit()
    flaws = [(f.kind, f.count) for f in found if not f.kind.endswith("_relations")]
    assert flaws == [
        ("self_loops", 7),
        ("self_loops", 2),
        ("unseen_entities", 210),
        ("unseen_entities", 210),
        ("answered_test", 1052),
    ]


def test_an_entity_that_train_has_on_one_side_only_is_seen() -> None:
    assert audited(PATH, valid=[(20, 0, 0)], test=[(0, 0, 20)]) == ()  # 20 is a tail only, 0 a head only
