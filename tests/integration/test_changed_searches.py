"""Searches with a part changed, in benchmarks: each differs from the usual one where it says so, and nowhere else."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.tabular.drawing import drawn, space_of
from benchmarks.tabular.tried import STARTUP, FidelitySeen, fidelity_seen, per_second
from benchmarks.variants import toss as variants
from kgtuner.domains import Choices
from kgtuner.search.proposals import Observations
from kgtuner.search.samplers import SAMPLERS
from kgtuner.search.strategies import FULL, STRATEGIES, Answer, Asking, Fidelity, Problem, Request
from kgtuner.search.strategies.racing import racing
from kgtuner.search.strategies.single import single
from kgtuner.search.strategies.toss import toss
from kgtuner.space import load_space
from kgtuner.types import Assignment, FloatArray

SPACE = space_of("complex")
FIDELITIES = [Fidelity("walk-0.2", 0.25), Fidelity(FULL, 1.0)]


def problem(configurations: int = 80, seed: int = 0) -> Problem:
    pool = SPACE.codes.rows([drawn("complex", number) for number in range(configurations)])
    return Problem(SPACE, 40.0, FIDELITIES, seed, pool, {"surrogate_options": {"trees": 10}})


def asked(asking: Asking, answer: Callable[[Assignment, Request], Answer], most: int = 30) -> list[Request]:
    """The first requests of a search whose answers are made up."""
    requests = [next(asking)]
    while len(requests) < most:
        request = requests[-1]
        try:
            requests.append(asking.send(answer(SPACE.codes.assignment(request.row), request)))
        except StopIteration:
            break
    return requests


def is_sgd(assignment: Assignment) -> bool:
    return assignment["optimizer.name"] == "sgd"


def test_improvement_per_second_draws_towards_what_costs_little_where_the_usual_does_not() -> None:
    def answer(assignment: Assignment, request: Request) -> Answer:
        luck = float(np.random.default_rng(zlib.crc32(str(assignment).encode())).random())
        return Answer(luck, 0.01 if is_sgd(assignment) else 1.0)

    shares = list[float]()
    for search in (per_second, lambda given: single(given, "rf_ei")):
        proposed = [
            is_sgd(SPACE.codes.assignment(request.row))
            for seed in range(3)
            for request in asked(search(problem(seed=seed)), answer, STARTUP + 8)[STARTUP:]
        ]
        shares.append(np.mean(proposed))
    assert shares[0] > shares[1] + 0.3


def with_and_without_sgd(each: int, others: int) -> tuple[FloatArray, FloatArray]:
    """The first configurations that have it, and the first that have not."""
    pool = problem(160).pool
    assert pool is not None
    sgd = np.array([is_sgd(SPACE.codes.assignment(row)) for row in pool])
    return pool[sgd][:each], pool[~sgd][:others]


def share_of_sgd(kind: type[Problem], known: Observations) -> float:
    """How many of twenty proposals have it."""
    given = problem(160)
    searched = kind(SPACE, 40.0, FIDELITIES, 0, given.pool, {"surrogate_options": {"trees": 25}})
    proposer = SAMPLERS["rf_ei"](SPACE, seed=0, surrogate_options={"trees": 25})
    rows = [searched.next(proposer, known, number) for number in range(60, 80)]
    return float(np.mean([is_sgd(SPACE.codes.assignment(row)) for row in rows if row is not None]))


def test_a_forest_that_sees_the_rung_knows_that_all_of_a_higher_one_are_good() -> None:
    below, above = with_and_without_sgd(20, 6)
    known = Observations(
        np.concatenate([below, above]),
        np.concatenate([np.linspace(0.1, 0.2, 20), np.full(6, 0.9)]),
        np.repeat([0, 1], [20, 6]),
    )
    assert share_of_sgd(FidelitySeen, known) < 0.2 < share_of_sgd(Problem, known)


def test_a_forest_that_sees_the_rung_judges_by_the_highest() -> None:
    sgd, others = with_and_without_sgd(20, 20)
    spread = np.linspace(0, 0.05, 20)
    known = Observations(
        np.concatenate([sgd, others, sgd, others]),
        np.concatenate([0.6 + spread, 0.1 + spread, 0.3 + spread, 0.9 + spread]),
        np.repeat([0, 1], 40),
    )
    turned = Observations(known.codes, known.values, 1 - known.groups)
    assert share_of_sgd(FidelitySeen, turned) > share_of_sgd(FidelitySeen, known) + 0.3


def test_a_race_that_sees_the_rung_is_otherwise_a_race_until_its_forest_has_learned() -> None:
    def answer(assignment: Assignment, request: Request) -> Answer:
        return Answer(np.log10(assignment["optimizer.learning_rate"]), request.share)

    seeing, usual = (asked(search(problem()), answer, 60) for search in (fidelity_seen, racing))
    first = [
        [(one.row.tobytes(), one.fidelity, one.share) for one in both[:STARTUP]] for both in (seeing, usual)
    ]
    assert first[0] == first[1]
    assert {one.row.tobytes() for one in seeing} != {one.row.tobytes() for one in usual}
    for one in (seeing, usual):
        assert {(each.fidelity, each.share) for each in one} <= {
            ("walk-0.2", 1 / 16),
            ("walk-0.2", 1 / 4),
            (FULL, 1 / 4),
            (FULL, 1.0),
        }


def test_toss_without_raised_sizes_asks_for_the_same_and_never_for_larger() -> None:
    def answer(assignment: Assignment, request: Request) -> Answer:
        cost = 0.25 if request.fidelity != FULL else 1.0
        return Answer(np.log10(assignment["optimizer.learning_rate"]), cost)

    given = replace(problem(), budget=8.0)
    usual, kept = asked(toss(given), answer), asked(variants.never_larger(given), answer)
    assert any(request.larger for request in usual)
    assert not any(request.larger for request in kept)
    assert [(one.fidelity, one.row.tobytes()) for one in usual] == [
        (one.fidelity, one.row.tobytes()) for one in kept
    ]


def test_the_changed_toss_can_be_called_by_name_once_it_is_added(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SAMPLERS", "STRATEGIES", "ALGORITHMS"):
        monkeypatch.setattr(variants, name, dict(getattr(variants, name)))
    variants.add()
    assert set(variants.ARMS) <= set(variants.STRATEGIES) & set(variants.ALGORITHMS)
    assert not set(variants.ARMS) & set(STRATEGIES)
    new = set(variants.SAMPLERS) - set(SAMPLERS)
    assert [variants.SAMPLERS[name].MAXIMISER for name in new] == ["scatter"]  # type: ignore[attr-defined]


def test_sizes_are_searched_in_the_space_without_decoupling_and_nothing_else_is() -> None:
    searched = load_space(variants.ARMS[variants.SIZES_SEARCHED]["space"], ["complex"])
    usual = load_space("reduced", ["complex"])
    sizes = {"model.dimension": (100, 200, 500, 1000, 2000), "training.batch_size": (128, 256, 512, 1024)}
    for name, parameter in searched.by_name.items():
        if name in sizes:
            assert isinstance(parameter.domain, Choices)
            assert parameter.domain.values == sizes[name]
        else:
            assert parameter.domain == usual.by_name[name].domain, name
