"""kgtuner.search.proposals: the next configuration, without Optuna."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from kgtuner.domains import Choices, Float
from kgtuner.search.proposals import Observations, best_of, propose, random_row, scores_of, startup_row
from kgtuner.search.surrogates.random_forest import RandomForest
from kgtuner.space import Condition, Parameter, Space
from kgtuner.types import FloatArray


def tunable() -> Space:
    return Space(
        [
            Parameter("loss", Choices(("ranking", "entropy", "mean"))),
            Parameter("margin", Float(1.0, 24.0), Condition({"loss": ("ranking",)})),
            Parameter("regularizer", Choices(("none", "nuclear"))),
            Parameter("weight", Float(1e-12, 1e2, log=True), Condition({"regularizer": ("nuclear",)})),
            Parameter("rate", Float(1e-5, 1.0, log=True)),
            Parameter("dropout", Float(0.0, 0.5)),
            Parameter("batch", Choices((128, 256, 512, 1024), ordered=True)),
        ]
    )


def quality(x: dict[str, Any]) -> float:
    """Best at 0: ranking with margin 8, nuclear at 1e-3, rate 10^-2.5, dropout 0.1, batch 1024."""
    loss = {"ranking": 0.02 * abs(x.get("margin", 8.0) - 8.0), "entropy": 0.3, "mean": 0.6}[x["loss"]]
    weight = 0.5 if x["regularizer"] == "none" else 0.1 * abs(math.log10(x["weight"]) + 3)
    rate = 0.4 * abs(math.log10(x["rate"]) + 2.5)
    return -(loss + weight + rate + 0.8 * abs(x["dropout"] - 0.1) + 0.05 * math.log2(1024 / x["batch"]))


def search(
    space: Space, value: Callable[[dict[str, Any]], float], trials: int, seed: int, startup: int = 10
) -> tuple[np.ndarray[Any, Any], list[float]]:
    seen = Observations.of(space, [], [])
    for number in range(trials):
        if number < startup:
            row = startup_row(space.codes, seen.codes, seed, number)
        else:
            rng = np.random.default_rng([seed, number])
            row = propose(
                space, seen, rng, RandomForest(trees=25), population=800, offspring=320, generations=5
            )
        assignment = space.codes.assignment(row)
        seen += Observations.of(space, [assignment], [value(assignment)])
    return seen.codes, seen.values.tolist()


@pytest.mark.slow
def test_bore_beats_random_search_on_a_conditional_function_over_ten_seeds() -> None:
    space, wins, ours, theirs = tunable(), 0, [], []
    for seed in range(10):
        _, values = search(space, quality, trials=40, seed=seed)
        drawn = space.codes.sample(40, np.random.default_rng(seed))
        ours.append(max(values))
        theirs.append(max(quality(space.codes.assignment(row)) for row in drawn))
        wins += ours[-1] > theirs[-1]
    assert wins >= 8, (ours, theirs)
    assert np.mean(ours) > 0.75 * np.mean(theirs)  # regret: both are negative


def test_small_learning_rates_are_searched_in_log_scale() -> None:
    # Only three of 250 linear steps lie below 4e-3; a search that is not in log scale stays far above.
    space = Space([Parameter("rate", Float(1e-5, 1.0, log=True)), Parameter("dropout", Float(0.0, 0.5))])
    codes, _ = search(space, lambda x: -abs(math.log10(x["rate"]) + 4), trials=30, seed=0)
    assert np.mean(np.abs(np.log10(codes[:10, 0]) + 2.5) < 1.25) > 0.3  # the start: half of the decades
    assert np.mean(codes[10:, 0] < 1e-3) > 0.7  # and then near 1e-4


def test_sixty_proposals_hold_no_duplicate() -> None:
    space = tunable().narrowed({"rate": [0.01, 0.1], "dropout": [0.0, 0.2], "weight": 1e-3, "margin": [4, 8]})
    codes, _ = search(space, quality, trials=60, seed=1)  # 4 x 2 x 2 x 2 x 4 = 128 configurations
    assert len(np.unique(np.nan_to_num(codes, nan=-1.0), axis=0)) == 60


def test_the_search_keeps_away_from_where_trials_fail() -> None:
    space = Space([Parameter("rate", Float(0.0, 1.0)), Parameter("other", Float(0.0, 1.0))])
    rng = np.random.default_rng(0)
    rows = space.codes.sample(60, rng)
    values = np.where(rows[:, 0] > 0.5, np.nan, rows[:, 1])  # fails in one half
    seen = Observations(rows, values, np.zeros(60, dtype=np.int64))
    proposed = [propose(space, seen, np.random.default_rng(s), RandomForest(50))[0] for s in range(5)]
    assert max(proposed) <= 0.55


def test_observations_of_another_graph_count_by_their_rank_there() -> None:
    space = Space([Parameter("x", Float(0.0, 1.0)), Parameter("y", Float(0.0, 1.0))])
    rows = space.codes.sample(80, np.random.default_rng(0))
    subgraph = Observations(rows, 0.9 + 0.05 * rows[:, 0], np.zeros(80, dtype=np.int64))
    few = space.codes.rows([{"x": 0.1, "y": 0.5}, {"x": 0.2, "y": 0.1}])
    full = Observations(few, np.array([0.10, 0.11]), np.ones(2, dtype=np.int64))
    row = propose(space, subgraph + full, np.random.default_rng(0), RandomForest(50))
    assert row[0] > 0.6


def test_an_improvement_is_one_over_the_best_of_the_graph_that_is_being_searched() -> None:
    # Standardised, the best of four is at 1.73 on the subgraph, where three fail alike, and at 1 on the full graph.
    space = Space([Parameter("x", Float(0.0, 1.0))])
    codes = np.linspace(0.0, 1.0, 6)[:, None]
    observations = Observations(codes, np.array([0.0, 0, 0, 1, 0, 1]), np.array([0, 0, 0, 0, 1, 1]))

    class Same(RandomForest):
        def distribution(self, features: FloatArray) -> tuple[FloatArray, FloatArray]:
            return np.full(len(features), 1.5), np.zeros(len(features))

    rng = np.random.default_rng(0)
    scores = scores_of(space, observations, rng, Same(trees=5), acquisition="expected_improvement")
    assert scores is not None
    assert scores(codes).tolist() == [0.5] * 6


def test_of_a_pool_the_highest_score_wins_and_equal_ones_win_by_turns() -> None:
    pool = np.array([[0.1], [0.9], [0.5]])
    draws = [np.random.default_rng(seed) for seed in range(20)]
    assert {best_of(pool, lambda rows: rows[:, 0], rng) for rng in draws} == {1}
    assert {best_of(pool, lambda rows: np.sign(rows[:, 0] - 0.3), rng) for rng in draws} == {1, 2}
    assert {best_of(pool, None, rng) for rng in draws} == {0, 1, 2}


def test_nothing_measured_yet_gives_a_random_valid_row() -> None:
    space = tunable()
    seen = Observations.of(space, [], [])
    assert space.codes.valid(propose(space, seen, np.random.default_rng(0), RandomForest())[None]).all()
    failed = Observations(
        space.codes.sample(5, np.random.default_rng(0)), np.full(5, np.nan), np.zeros(5, np.int64)
    )
    assert space.codes.valid(propose(space, failed, np.random.default_rng(0), RandomForest())[None]).all()


def test_startup_points_cover_choices_and_ranges_more_evenly_than_chance() -> None:
    space = tunable()
    none = np.empty((0, space.codes.width))
    for seed in range(3):
        rows = np.array([startup_row(space.codes, none, seed, number) for number in range(16)])
        assert space.codes.valid(rows).all()
        _, counts = np.unique(rows[:, space.codes.column["batch"]], return_counts=True)
        assert counts.tolist() == [4, 4, 4, 4]
        quarters = np.floor((np.log10(rows[:, space.codes.column["rate"]]) + 5) / 5 * 4)
        assert np.unique(quarters, return_counts=True)[1].tolist() == [4, 4, 4, 4]


def test_a_random_row_is_new_while_there_are_new_ones() -> None:
    codes = Space([Parameter("a", Choices(("x", "y")))]).codes
    seen = codes.rows([{"a": "x"}])
    assert all(random_row(codes, seen, np.random.default_rng(s))[0] == 1 for s in range(10))
