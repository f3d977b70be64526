"""kgtuner.space.codes: many configurations at once."""

from __future__ import annotations

import time

import numpy as np
import pytest

from kgtuner.domains import Choices, Float, Integer
from kgtuner.space import Condition, Constraint, Encoder, Parameter, Space, load_space
from kgtuner.space.codes import distinct


def small_space() -> Space:
    return Space(
        [
            Parameter("mode", Choices(("sampled", "one", "k"))),
            Parameter("count", Choices((8, 32, 128), ordered=True), Condition({"mode": ("sampled",)})),
            Parameter("loss", Choices(("ranking", "entropy"))),
            Parameter("margin", Float(1.0, 24.0), Condition({"loss": ("ranking",)})),
            Parameter("layers", Integer(1, 64, log=True)),
        ],
        [Constraint({"mode": ("one", "k"), "loss": ("ranking",)}, "ranking needs sampled negatives")],
    )


def test_drawing_is_uniform_over_the_valid_combinations() -> None:
    space = small_space()
    drawn = space.codes.sample(40_000, np.random.default_rng(0))
    pairs, counts = np.unique(drawn[:, [0, 2]], axis=0, return_counts=True)
    assert len(pairs) == 4  # of 3 x 2, two are forbidden
    assert np.abs(counts / 10_000 - 1).max() < 0.05


def test_log_ranges_are_drawn_evenly_in_log_scale() -> None:
    space = Space([Parameter("rate", Float(1e-4, 1.0, log=True)), Parameter("n", Integer(1, 1023, log=True))])
    drawn = space.codes.sample(20_000, np.random.default_rng(0))
    assert np.mean(drawn[:, 0] < 1e-2) == pytest.approx(0.5, abs=0.02)
    assert np.mean(drawn[:, 1] < 32) == pytest.approx(0.5, abs=0.02)


def test_a_mutation_changes_one_choice_and_only_what_follows_from_it() -> None:
    space = Space([Parameter(name, Choices(("x", "y", "z"))) for name in "abcd"])
    rows = space.codes.sample(500, np.random.default_rng(0))
    mutated = space.codes.mutated(rows, np.random.default_rng(1))
    assert ((rows != mutated).sum(1) == 1).all()
    assert (rows != mutated).any(0).all()  # each of the four has its turn


def test_a_mutation_into_a_forbidden_combination_keeps_the_mutated_value() -> None:
    space = small_space()
    start = space.codes.rows([{"mode": "k", "loss": "entropy", "layers": 3}]).repeat(300, 0)
    mutated = space.codes.mutated(start, np.random.default_rng(0))
    assert space.codes.valid(mutated).all()
    loss = space.codes.column["loss"]
    ranking = mutated[mutated[:, loss] == 0]
    assert len(ranking) > 50
    assert (ranking[:, 0] == 0).all()  # the mode gave way
    assert np.isfinite(ranking[:, [1, 3]]).all()  # and brought its count, as the loss brought its margin


def test_crossover_takes_values_from_the_parents() -> None:
    space = small_space()
    a = space.codes.rows([{"mode": "sampled", "count": 8, "loss": "ranking", "margin": 2.0, "layers": 3}])
    b = space.codes.rows([{"mode": "k", "loss": "entropy", "layers": 60}])
    children = space.codes.crossed(a.repeat(200, 0), b.repeat(200, 0), np.random.default_rng(0))
    assert space.codes.valid(children).all()
    assert set(children[:, 4]) == {3.0, 60.0}
    margins = children[:, 3]
    assert set(margins[np.isfinite(margins)]) == {2.0}  # inherited from the only parent that has one


def test_a_fixed_parameter_is_never_mutated() -> None:
    space = small_space().narrowed({"mode": "sampled", "layers": 4})
    rows = space.codes.sample(200, np.random.default_rng(0))
    mutated = space.codes.mutated(rows, np.random.default_rng(1))
    assert (mutated[:, 0] == 0).all()
    assert (mutated[:, 4] == 4).all()


def test_distinct_leaves_out_repetitions_and_known_rows() -> None:
    rows = np.array([[1.0, np.nan], [2.0, 0.0], [1.0, np.nan], [2.0, -0.0], [3.0, 1.0]])
    assert distinct(rows).tolist() == [0, 1, 4]
    assert distinct(rows, rows[:1]).tolist() == [1, 4]


def test_ten_thousand_configurations_take_a_fraction_of_a_second() -> None:
    space = load_space("full", ["complex", "rotate"])
    rng = np.random.default_rng(0)
    encoder = Encoder(space)
    rows = space.codes.sample(10_000, rng)
    seconds = []
    for work in (lambda: encoder.features(rows), lambda: space.codes.mutated(rows, rng)):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    assert max(seconds) < 0.1, seconds


def test_inside_asks_for_values_that_are_proposed_now_and_not_for_absent_ones() -> None:
    legal = Space(
        [
            Parameter("loss", Choices(("ranking", "entropy"))),
            Parameter("margin", Float(1.0, 24.0), Condition({"loss": ("ranking",)})),
            Parameter("batch", Choices((64, 128, 256), ordered=True)),
        ]
    )
    rows = legal.codes.rows(
        [
            {"loss": "ranking", "margin": 3.0, "batch": 64},
            {"loss": "ranking", "margin": 9.0, "batch": 64},
            {"loss": "entropy", "batch": 256},
            {"loss": "entropy", "batch": 64},
        ]
    )
    narrowed = legal.narrowed({"margin": {"low": 2, "high": 5}, "batch": [64, 128]})
    assert narrowed.codes.inside(rows).tolist() == [True, False, False, True]
