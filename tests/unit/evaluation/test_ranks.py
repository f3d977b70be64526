"""Filtered ranks with ties at their mean, by hand and against a search that sorts nothing and skips nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kgtuner import kernels
from kgtuner.errors import Diverged
from kgtuner.evaluation import ranks
from kgtuner.evaluation.ranks import compiled_ranks, rank_queries, rank_triples, realistic_ranks
from kgtuner.graph.known_answers import KnownAnswers
from kgtuner.models import MODELS, Model


def ranked(
    scores: Sequence[Sequence[float]], target: list[int], known: Sequence[tuple[int, int]] = ()
) -> list[float]:
    """`known` are pairs (query, entity). Counted by plain operators and by the kernel, which must agree."""
    table = torch.tensor(scores)
    rows, columns = torch.tensor(list(known), dtype=torch.int64).reshape(-1, 2).T
    found: list[Any] = []
    ways: list[Callable[[], Any]] = [
        lambda: realistic_ranks(table, torch.tensor(target), rows, columns, torch.empty_like(table)),
        lambda: compiled_ranks(table, np.array(target), rows.numpy(), columns.numpy()),
    ]
    for way in ways[: 2 if kernels.installed() else 1]:
        try:
            found.append(way().tolist())
        except Diverged as error:
            found.append(str(error))
    assert all(other == found[0] for other in found)
    if isinstance(found[0], str):
        raise Diverged(found[0])
    ranks: list[float] = found[0]
    return ranks


def test_best_score_is_first_and_worst_is_last() -> None:
    assert ranked([[0.9, 0.5, 0.1]] * 3, [0, 1, 2]) == [1.0, 2.0, 3.0]


def test_tie_at_the_top_shares_the_rank() -> None:
    assert ranked([[0.9, 0.9, 0.1]], [0]) == [1.5]


def test_tie_takes_the_mean_of_the_best_and_the_worst_place() -> None:
    assert ranked([[0.9, 0.5, 0.5, 0.5, 0.1]], [2]) == [3.0]  # places 2, 3 and 4


def test_constant_scores_give_the_mean_rank() -> None:
    assert ranked([[0.0] * 9] * 2, [0, 8]) == [5.0, 5.0]


def test_known_answers_do_not_compete() -> None:
    scores = [[0.9, 0.8, 0.7, 0.6]]
    assert ranked(scores, [3]) == [4.0]
    assert ranked(scores, [3], [(0, 0), (0, 2)]) == [2.0]


def test_known_answers_with_the_same_score_do_not_compete() -> None:
    assert ranked([[0.5, 0.5, 0.5]], [0], [(0, 1)]) == [1.5]
    assert ranked([[0.5, 0.5, 0.5]], [0], [(0, 1), (0, 2)]) == [1.0]


def test_target_among_the_known_answers_still_competes() -> None:
    assert ranked([[0.9, 0.5, 0.1]], [1], [(0, 0), (0, 1)]) == [1.0]


def test_known_answers_belong_to_one_query() -> None:
    assert ranked([[0.9, 0.5], [0.9, 0.5]], [1, 1], [(1, 0)]) == [2.0, 1.0]


def test_worse_known_answers_change_nothing() -> None:
    assert ranked([[0.9, 0.5, 0.1]], [1], [(0, 2)]) == [2.0]


def test_minus_zero_equals_zero() -> None:
    assert ranked([[0.0, -0.0, -0.0]], [1]) == [2.0]


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("place", [0, 1])
def test_score_that_is_not_finite_ends_the_trial(bad: float, place: int) -> None:
    scores = [0.9, 0.5, 0.1]
    scores[place] = bad
    with pytest.raises(Diverged, match="1 of 6 scores are not finite"):
        ranked([[0.1, 0.2, 0.3], scores], [0, 0])


def brute_force(scores: np.ndarray, target: int, known: set[int]) -> float:
    rivals = [s for e, s in enumerate(scores) if e != target and e not in known]
    better = sum(s > scores[target] for s in rivals)
    equal = sum(s == scores[target] for s in rivals)
    return float(np.mean([1 + better, 1 + better + equal]))  # optimistic and pessimistic


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_ranks_are_those_of_a_plain_search(data: st.DataObject) -> None:
    n, b = data.draw(st.integers(1, 8)), data.draw(st.integers(1, 4))
    score = st.sampled_from([-1.0, -0.0, 0.0, 0.5, 1.0, 2.0])  # few values, so that ties are common
    scores = [data.draw(st.lists(score, min_size=n, max_size=n)) for _ in range(b)]
    target = [data.draw(st.integers(0, n - 1)) for _ in range(b)]
    known = [data.draw(st.sets(st.integers(0, n - 1))) for _ in range(b)]
    pairs = [(i, e) for i, entities in enumerate(known) for e in sorted(entities)]
    expected = [brute_force(np.array(scores[i]), target[i], known[i]) for i in range(b)]
    assert ranked(scores, target, pairs) == expected


N, R = 12, 2
TRIPLES = np.random.default_rng(0).integers([N, R, N], size=(40, 3))
KNOWN = KnownAnswers.of(TRIPLES, N, R)


def made(name: str = "complex") -> Model:
    model = MODELS[name](N, R, 4, initializer="normal", initializer_scale=1.0)
    model.initialize(torch.Generator().manual_seed(0))
    return model.eval()


@pytest.mark.parametrize("name", ["transe", "distmult", "complex", "rotate", "rescal", "autosf"])
def test_both_directions_are_ranked_by_the_definition(name: str) -> None:
    model = made(name)
    E, W = model.entities.double(), model.relations.double()
    tail, head = rank_triples(model, TRIPLES, KNOWN, R)
    known = {tuple(triple) for triple in TRIPLES.tolist()}
    for i, (h, r, t) in enumerate(TRIPLES.tolist()):
        tails = {e for e in range(N) if (h, r, e) in known}
        heads = {e for e in range(N) if (e, r, t) in known}
        of_tails = np.round(model.score(E[h], W[r], E).numpy(), 5)
        of_heads = np.round(model.score(E, W[r], E[t]).numpy(), 5)
        assert tail.rank[i] == brute_force(of_tails, t, tails)
        assert head.rank[i] == brute_force(of_heads, h, heads)
        assert tail.candidates[i] == N - len(tails) + 1
        assert head.candidates[i] == N - len(heads) + 1


def test_swapping_head_and_tail_would_be_noticed() -> None:
    model = made("transe")
    with (
        torch.no_grad()
    ):  # entity i lies at i, and the relation adds 1: i -> i + 1 is perfect, the reverse is not
        model.entities[:] = torch.arange(N)[:, None].float()
        model.relations[:] = 1.0
    chain = np.array([[i, 0, i + 1] for i in range(3, 8)])
    nothing = KnownAnswers.of(chain, N, R)
    tail, head = rank_triples(model, chain, nothing, R)
    assert tail.rank.tolist() == head.rank.tolist() == [1.0] * 5
    tail, head = rank_triples(model, chain[:, [2, 1, 0]], nothing, R)
    assert (tail.rank > 2).all()
    assert (head.rank > 2).all()


@pytest.mark.parametrize("chunk", [1, 7, 40])
@pytest.mark.parametrize("name", ["transe", "complex", "rotate"])
def test_memory_bound_changes_no_rank(name: str, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    model = made(name)
    whole = rank_queries(model, TRIPLES[:, 0], TRIPLES[:, 1], TRIPLES[:, 2], KNOWN)
    monkeypatch.setattr(ranks, "SCORE_BYTES", 8 * N * chunk)
    parts = rank_queries(model, TRIPLES[:, 0], TRIPLES[:, 1], TRIPLES[:, 2], KNOWN)
    assert parts.rank.tolist() == whole.rank.tolist()
    assert parts.candidates.tolist() == whole.candidates.tolist()


def of_a_large_graph(name: str, dtype: torch.dtype, threads: int) -> np.ndarray:
    """(400,) ranks among 3,000 entities."""
    n = 3_000
    triples = np.random.default_rng(1).integers([n, R, n], size=(400, 3))
    model = MODELS[name](n, R, 32, initializer="normal", initializer_scale=1.0)
    model.initialize(torch.Generator().manual_seed(0))
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        known = KnownAnswers.of(triples, n, R)
        return rank_queries(model.eval().to(dtype), *triples.T, known).rank
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("name", ["transe", "complex", "rotate"])
def test_thread_count_changes_no_rank_by_more_than_one(name: str) -> None:
    # Sums may be made in another order, so that two scores that differ in the last digit may change places.
    one, two = (of_a_large_graph(name, torch.float32, threads) for threads in (1, 2))
    assert np.abs(one - two).max() <= 1
    assert (one == two).mean() > 0.99


@pytest.mark.parametrize("name", ["transe", "complex", "rotate"])
def test_single_precision_changes_few_ranks_and_those_by_little(name: str) -> None:
    single, double = (of_a_large_graph(name, dtype, 1) for dtype in (torch.float32, torch.float64))
    assert np.abs(single - double).max() <= 1
    assert (single == double).mean() > 0.97


def test_nothing_to_rank_gives_no_ranks() -> None:
    tail, head = rank_triples(made(), np.empty((0, 3), dtype=np.int64), KNOWN, R)
    assert len(tail.rank) == len(head.rank) == 0


def test_ranking_leaves_no_gradient_and_no_change() -> None:
    model = made()
    before = model.entities.clone()
    rank_triples(model, TRIPLES, KNOWN, R)
    assert torch.equal(model.entities, before)
    assert model.entities.grad is None
