"""kgtuner.search.candidates: maximising an acquisition."""

from __future__ import annotations

import numpy as np

from kgtuner.domains import Choices, Float
from kgtuner.search.candidates import evolve, unseen
from kgtuner.space import Condition, Constraint, Parameter, Space
from kgtuner.types import FloatArray


def space() -> Space:
    return Space(
        [
            Parameter("mode", Choices(("sampled", "all"))),
            Parameter("loss", Choices(("ranking", "entropy"))),
            Parameter("margin", Float(1.0, 24.0), Condition({"loss": ("ranking",)})),
            *(Parameter(f"x{i}", Float(0.0, 1.0)) for i in range(6)),
        ],
        [Constraint({"mode": ("all",), "loss": ("ranking",)}, "ranking needs sampled negatives")],
    )


def closeness(codes: FloatArray) -> FloatArray:
    return (
        -np.abs(codes[:, 3:] - 0.3).sum(1) - (codes[:, 1] == 1) - np.abs(np.nan_to_num(codes[:, 2]) - 9) / 10
    )


def test_evolution_finds_better_candidates_than_as_many_random_draws() -> None:
    codes = space().codes
    for seed in range(5):
        rng = np.random.default_rng(seed)
        found = closeness(evolve(codes, closeness, rng, population=500, offspring=500, generations=10))[0]
        assert found > closeness(codes.sample(5_500, rng)).max() + 0.1


def test_candidates_are_valid_distinct_and_ranked() -> None:
    codes = space().codes
    ranked = evolve(codes, closeness, np.random.default_rng(0), population=300, offspring=100, generations=3)
    assert codes.valid(ranked).all()
    assert (np.diff(closeness(ranked)) <= 0).all()
    assert len(np.unique(np.nan_to_num(ranked), axis=0)) == len(ranked)


def test_excluded_configurations_are_not_proposed_and_an_exhausted_space_gives_none() -> None:
    codes = Space([Parameter("a", Choices(("x", "y", "z")))]).codes
    options = {"population": 50, "offspring": 20, "generations": 2}
    seen = codes.rows([{"a": "x"}, {"a": "z"}])
    left = evolve(codes, lambda rows: -rows[:, 0], np.random.default_rng(0), exclude=seen, **options)
    assert [codes.assignment(row) for row in left] == [{"a": "y"}]
    everything = codes.rows([{"a": "x"}, {"a": "y"}, {"a": "z"}])
    assert not len(
        evolve(codes, lambda rows: rows[:, 0], np.random.default_rng(0), exclude=everything, **options)
    )
    assert not len(unseen(codes, np.random.default_rng(0), everything))


def test_equal_generators_give_equal_candidates() -> None:
    codes = space().codes
    first, second = (
        evolve(codes, closeness, np.random.default_rng(3), population=100, offspring=50, generations=3)
        for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)
