"""Strategies answered by a function: what they ask for, in which order, and what they pay."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from functools import partial
from itertools import pairwise

import numpy as np
import pytest

from kgtuner.domains import Float
from kgtuner.search.proposals import Observations
from kgtuner.search.samplers import SAMPLERS
from kgtuner.search.strategies import FULL, STRATEGIES, Answer, Asking, Fidelity, Problem, Request
from kgtuner.search.strategies.grash import grash
from kgtuner.search.strategies.racing import racing
from kgtuner.search.strategies.single import single
from kgtuner.search.strategies.toss import toss
from kgtuner.space import Parameter, Space
from kgtuner.types import FloatArray

Value = Callable[[Request], float]


def problem(budget: float, pool: int | None = 80, seed: int = 0, least: float = 0.0) -> Problem:
    space = Space([Parameter("x", Float(0.0, 1.0)), Parameter("y", Float(0.0, 1.0))])
    rows = None if pool is None else space.codes.sample(pool, np.random.default_rng(1))
    fidelities = [Fidelity("small", 0.25, (1.0,)), Fidelity(FULL, 1.0, (2.0,))]
    options: dict[str, object] = {"surrogate_options": {"trees": 10}, "n_startup": 5}
    return Problem(space, budget, fidelities, seed, rows, options, least)


def height(request: Request) -> float:
    """Highest at x = 0.3; the small graph sees the same hill lower."""
    return (0.5 if request.fidelity == "small" else 1.0) - abs(float(request.row[0]) - 0.3)


def carried_out(asking: Asking, value: Value = height) -> list[Request]:
    costs = {"small": 0.25, FULL: 1.0}
    paid: dict[tuple[str, bytes], float] = {}
    requests = []
    try:
        request = next(asking)
        while True:
            requests.append(request)
            key = request.fidelity, request.row.tobytes()
            cost = costs[request.fidelity] * (request.share - paid.get(key, 0.0))
            paid[key] = request.share
            request = asking.send(Answer(value(request), cost))
    except StopIteration:
        return requests


@pytest.mark.parametrize("pool", [60, None])
@pytest.mark.parametrize("name", STRATEGIES)
def test_every_strategy_ends_and_trains_on_the_full_graph_no_configuration_twice_as_long(
    name: str, pool: int | None
) -> None:
    options = problem(4.0, pool)
    if pool is None:
        options.options.update(population=50, offspring=20, generations=2)
    requests = carried_out(STRATEGIES[name].search(options))
    assert any(request.fidelity == FULL for request in requests)
    keys = [(request.fidelity, request.row.tobytes(), request.share) for request in requests]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_graph_without_a_subgraph_is_searched_too(name: str) -> None:
    alone = dataclasses.replace(problem(4.0), fidelities=[Fidelity(FULL, 1.0, (2.0,))])
    requests = carried_out(STRATEGIES[name].search(alone))
    assert {request.fidelity for request in requests} == {FULL}


def test_failures_everywhere_end_a_search_too() -> None:
    for strategy in STRATEGIES.values():
        carried_out(strategy.search(problem(4.0)), lambda request: math.nan)


def test_toss_pays_half_for_the_subgraph_and_takes_its_ten_best_over() -> None:
    requests = carried_out(toss(problem(16.0, pool=200)))
    small = [request for request in requests if request.fidelity == "small"]
    full = [request for request in requests if request.fidelity == FULL]
    assert len(small) == 8 / 0.25
    assert requests == [*small, *full]
    best = sorted(small, key=height, reverse=True)[: len(full)]
    assert {request.row.tobytes() for request in full} == {request.row.tobytes() for request in best}
    assert all(request.larger for request in full)


def test_grash_halves_64_16_4_and_pays_three_trainings_before_the_last() -> None:
    requests = carried_out(grash(problem(3.0, pool=200)))
    assert len(requests) == 64 + 16 + 4 + 1
    cost = [{"small": 0.25, FULL: 1.0}[request.fidelity] * request.share for request in requests]
    assert cost[:64] == pytest.approx([1 / 64] * 64)
    assert cost[64:80] == pytest.approx([1 / 16] * 16)
    assert cost[80:84] == pytest.approx([1 / 4] * 4)
    first = sorted(requests[:64], key=height, reverse=True)
    assert {r.row.tobytes() for r in requests[64:80]} == {r.row.tobytes() for r in first[:16]}
    assert requests[-1].row.tobytes() == first[0].row.tobytes()


def test_grash_starts_with_fewer_where_a_training_would_be_all_overhead() -> None:
    assert len(carried_out(grash(problem(3.0, pool=200, least=0.05)))) == 16 + 4 + 1


def test_racing_promotes_the_best_of_a_rung() -> None:
    requests = carried_out(racing(problem(3.0, pool=200)))
    rungs = {
        key: [r for r in requests if (r.fidelity, r.share) == key]
        for key in (("small", 1 / 16), ("small", 1 / 4), (FULL, 1 / 4), (FULL, 1.0))
    }
    counts = [len(made) for made in rungs.values()]
    assert sum(counts) == len(requests)
    assert counts[0] > counts[1] > counts[2] >= 1  # the best quarter of each moment goes on
    assert counts[1] <= counts[0] / 2
    means = [np.mean([abs(float(r.row[0]) - 0.3) for r in made]) for made in rungs.values() if made]
    assert all(above < below for below, above in pairwise(means[:3]))


def test_racing_spends_what_is_left_on_the_best_that_can_go_on() -> None:
    requests = carried_out(racing(problem(1.0, pool=200)))
    assert (requests[-1].fidelity, requests[-1].share) == (FULL, 1.0)
    assert len([r for r in requests if r.share == 1 / 16]) >= 8  # and searches before that


def test_racing_begins_with_what_it_is_given_and_goes_on_with_the_best_of_it() -> None:
    plain = problem(3.0, pool=200)
    assert plain.pool is not None
    by_height = np.argsort(np.abs(plain.pool[:, 0] - 0.3))
    given = [plain.pool[i] for i in by_height[[150, 0, 120, 100, 90]]]  # one of them is the best of all
    requests = carried_out(racing(dataclasses.replace(plain, first=given)))
    started = [r.row.tobytes() for r in requests if r.share == 1 / 16]
    assert started[:5] == [row.tobytes() for row in given]
    assert len(set(started)) == len(started) > 5  # then others, none of them twice
    whole = [r.row.tobytes() for r in requests if (r.fidelity, r.share) == (FULL, 1.0)]
    assert whole[0] == given[1].tobytes()
    alone = carried_out(racing(dataclasses.replace(plain, first=given), use_first=False))
    assert [(r.row.tobytes(), r.share) for r in alone] == [
        (r.row.tobytes(), r.share) for r in carried_out(racing(plain))
    ]


def test_what_racing_is_given_races_on_the_full_graph_and_half_of_it_goes_on() -> None:
    plain = problem(8.0, pool=200)
    assert plain.pool is not None
    by_height = plain.pool[np.argsort(np.abs(plain.pool[:, 0] - 0.3))]
    given = [by_height[i] for i in (5, 2, 7, 0, 3, 6, 1, 4)]
    requests = carried_out(racing(dataclasses.replace(plain, first=given)))
    mine = {row.tobytes(): [r for r in requests if r.row.tobytes() == row.tobytes()] for row in given}
    assert {r.fidelity for made in mine.values() for r in made} == {FULL}
    assert all([r.share for r in made] == [1 / 16, 1 / 4, 1.0][: len(made)] for made in mine.values())
    assert {row.tobytes() for row in by_height[:4]} <= {key for key, made in mine.items() if len(made) > 1}
    assert {row.tobytes() for row in by_height[:2]} <= {key for key, made in mine.items() if len(made) > 2}
    drawn = [r for r in requests if r.row.tobytes() not in mine]
    assert {r.fidelity for r in drawn if r.share == 1 / 16} == {"small"}
    short = len([r for r in drawn if r.share == 1 / 16])
    longer = len([r for r in drawn if (r.fidelity, r.share) == ("small", 1 / 4)])
    assert longer <= short / 2  # the best quarter of each moment


def test_racing_makes_the_whole_trainings_that_were_earned_and_the_last() -> None:
    requests = carried_out(racing(dataclasses.replace(problem(24.0, pool=600), options={}), "random"))
    whole = [number for number, r in enumerate(requests) if r.share == 1.0]
    earned = sum(r.share == 1 / 4 and r.fidelity == FULL for r in requests) // 4
    assert earned < len(whole) <= earned + 2  # the end of the budget, one training and what is left of it


def test_racing_with_its_own_budget_lets_sixteen_race_and_draws_when_there_is_more() -> None:
    plain = problem(STRATEGIES["racing"].trainings, pool=200)
    assert plain.pool is not None
    given = list(plain.pool[:16])
    for budget, draws in ((plain.budget, False), (12.0, True)):
        requests = carried_out(racing(dataclasses.replace(plain, budget=budget, first=given)))
        assert any((r.fidelity, r.share) == (FULL, 1.0) for r in requests)
        assert any(r.fidelity == "small" for r in requests) == draws


def test_a_failure_on_a_rung_never_goes_on_and_counts_among_those_that_were_there() -> None:
    plain = problem(8.0, pool=200)
    assert plain.pool is not None
    by_height = plain.pool[np.argsort(np.abs(plain.pool[:, 0] - 0.3))]
    failing = {by_height[i].tobytes() for i in (0, 1)}

    def value(request: Request) -> float:
        return math.nan if request.row.tobytes() in failing else height(request)

    given = [by_height[i] for i in (0, 1, 3, 2)]  # half of the four is two: the others, both of them
    requests = carried_out(racing(dataclasses.replace(plain, first=given)), value)
    made = [sum(r.row.tobytes() == row.tobytes() for r in requests) for row in given]
    assert made[:2] == [1, 1]
    before = requests[: next(n for n, r in enumerate(requests) if r.fidelity == "small")]
    assert {r.row.tobytes() for r in before if r.share == 1 / 4} == {row.tobytes() for row in given[2:]}


def test_racing_tells_its_sampler_where_each_got_furthest(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[list[Request], Observations]] = []
    made: list[Request] = []

    class Watched(SAMPLERS["random"]):  # type: ignore[misc]
        def choose(self, space: Space, observations: Observations, number: int, pool: FloatArray) -> int:
            told.append((list(made), observations))
            return int(super().choose(space, observations, number, pool))

    monkeypatch.setitem(SAMPLERS, "watched", Watched)

    def value(request: Request) -> float:
        made.append(request)
        return height(request) + request.share  # another one on each rung

    carried_out(racing(dataclasses.replace(problem(6.0, pool=200), options={}), "watched"), value)
    requests, observations = told[-1]
    last = {request.row.tobytes(): request for request in requests}
    rungs = {
        ("small", 1 / 16): 0,
        ("small", 1 / 4): 1,
        (FULL, 1 / 4): 3,
        (FULL, 1.0): 4,
    }  # 2: of what is given
    assert len(observations.codes) == len(last) > 10
    assert set(observations.groups) == {0, 1, 3, 4}
    for row, seen, group in zip(observations.codes, observations.values, observations.groups, strict=True):
        request = last[row.tobytes()]
        assert group == rungs[request.fidelity, request.share]
        assert seen == height(request) + request.share


def test_racing_has_no_trainings_that_are_not_worth_their_start() -> None:
    shares = {(r.fidelity, r.share) for r in carried_out(racing(problem(6.0, pool=200, least=0.05)))}
    assert shares == {("small", 0.2), ("small", 1 / 4), (FULL, 1 / 4), (FULL, 1.0)}
    shares = {(r.fidelity, r.share) for r in carried_out(racing(problem(6.0, pool=200, least=0.3)))}
    assert shares == {("small", 1.0), (FULL, 0.3), (FULL, 1.0)}
    once = carried_out(racing(problem(6.0, pool=200, least=1.0), use_subgraph=False))
    assert {r.share for r in once} == {1.0}
    assert len({r.row.tobytes() for r in once}) == len(once)
    alone = {(r.fidelity, r.share) for r in carried_out(racing(problem(6.0, pool=200), use_subgraph=False))}
    assert alone == {(FULL, 1 / 16), (FULL, 1 / 4), (FULL, 1.0)}


def test_a_search_on_the_full_graph_pays_its_budget_and_learns() -> None:
    requests = carried_out(single(problem(40.0, pool=300), "rf_bore"))
    assert len(requests) == 40
    assert all(request.fidelity == FULL for request in requests)
    late = [abs(float(r.row[0]) - 0.3) for r in requests[-10:]]
    early = [abs(float(r.row[0]) - 0.3) for r in requests[:5]]
    assert np.mean(late) < 0.7 * np.mean(early)


def test_the_same_seed_asks_for_the_same() -> None:
    for search in (racing, toss, grash, partial(single, sampler="rf_ei")):
        one, two = (carried_out(search(problem(4.0))) for _ in range(2))
        assert [r.row.tobytes() for r in one] == [r.row.tobytes() for r in two]
