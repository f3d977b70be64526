from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kgtuner.graph.known_answers import KnownAnswers

N, R = 6, 3
triples_lists = st.lists(
    st.tuples(st.integers(0, N - 1), st.integers(0, R - 1), st.integers(0, N - 1)), max_size=60
)
ALL_QUERIES = [(e, r) for e in range(N) for r in range(2 * R)]
ENTITIES, RELATIONS = (np.array(column) for column in zip(*ALL_QUERIES, strict=True))


def by_hand(triples: list[tuple[int, int, int]]) -> dict[tuple[int, int], set[int]]:
    answers: dict[tuple[int, int], set[int]] = {query: set() for query in ALL_QUERIES}
    for h, r, t in triples:
        answers[h, r].add(t)
        answers[t, r + R].add(h)
    return answers


def index(triples: list[tuple[int, int, int]]) -> KnownAnswers:
    return KnownAnswers.of(np.array(triples, dtype=np.int64).reshape(-1, 3), N, R)


@given(triples_lists)
def test_every_query_has_exactly_the_answers_of_a_dictionary(triples: list[tuple[int, int, int]]) -> None:
    rows, answers = index(triples).pairs(ENTITIES, RELATIONS)
    expected = [(i, a) for i, query in enumerate(ALL_QUERIES) for a in sorted(by_hand(triples)[query])]
    assert list(zip(rows.tolist(), answers.tolist(), strict=True)) == expected


@given(triples_lists)
def test_contains_agrees_with_a_dictionary_for_every_candidate(triples: list[tuple[int, int, int]]) -> None:
    candidates = np.tile(np.arange(N), (len(ALL_QUERIES), 1))
    found = index(triples).contains(ENTITIES, RELATIONS, candidates)
    expected = [[c in by_hand(triples)[query] for c in range(N)] for query in ALL_QUERIES]
    assert found.tolist() == expected


@given(triples_lists, st.randoms(use_true_random=False))
def test_the_order_of_the_triples_does_not_matter(
    triples: list[tuple[int, int, int]], random: object
) -> None:
    shuffled = list(triples)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    first, second = index(triples), index(shuffled)
    assert first.keys.tolist() == second.keys.tolist()
    assert first.offsets.tolist() == second.offsets.tolist()
    assert first.answers.tolist() == second.answers.tolist()


def test_a_long_list_of_answers_is_searched_to_its_ends() -> None:
    # 1000 even tails of one query: the binary search must reach the first, the last and every gap.
    tails = np.arange(0, 2000, 2)
    triples = np.column_stack((np.zeros_like(tails), np.zeros_like(tails), tails))
    known = KnownAnswers.of(triples, 2000, 1)
    found = known.contains(np.array([0]), np.array([0]), np.arange(2000)[None])
    assert found[0].tolist() == [i % 2 == 0 for i in range(2000)]
