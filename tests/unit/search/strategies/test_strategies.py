"""Strategies answered by a function: what they ask for, in which order, and what they pay."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from functools import partial
from typing import ClassVar

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
    requests = carried_out(racing(problem(6.0, pool=200)))
    lowest = [r for r in requests if r.fidelity == "small" and r.share < 1]
    next_rung = [r for r in requests if r.fidelity == "small" and r.share == 1]
    assert 0 < len(next_rung) <= len(lowest) / 2  # the best third of each moment
    chosen = np.mean([height(r) for r in next_rung])
    assert chosen > np.mean([height(r) for r in lowest])


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


class Told:
    """A sampler that takes the first row and keeps what it was told last."""

    known: ClassVar[Observations]

    def __init__(self, space: Space, **options: object) -> None: ...

    def choose(self, space: Space, known: Observations, number: int, pool: FloatArray) -> int:
        Told.known = known
        return 0


@pytest.mark.parametrize(("search", "kinds"), [(toss, 2), (racing, 4)], ids=["toss", "racing"])
def test_values_are_compared_with_those_of_as_long_a_training_on_the_same_graph(
    search: Callable[[Problem], Asking], kinds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kind(request: Request) -> float:
        return 10.0 * (request.fidelity == FULL) + request.share

    monkeypatch.setitem(SAMPLERS, "rf_bore", Told)
    carried_out(search(problem(24.0, pool=200)), kind)
    values, groups = Told.known.values.tolist(), Told.known.groups.tolist()
    assert len(set(values)) == len(set(groups)) == len(set(zip(values, groups, strict=True))) == kinds
