"""kgtuner.search.samplers.tpe: Optuna's estimator on conditional spaces and on given rows."""

from __future__ import annotations

import math

import numpy as np

from kgtuner.domains import Choices, Float
from kgtuner.search.proposals import Observations
from kgtuner.search.samplers.tpe import ParzenSampler, _groups
from kgtuner.space import Condition, Parameter, Space


def space() -> Space:
    return Space(
        [
            Parameter("loss", Choices(("ranking", "entropy"))),
            Parameter("margin", Float(1.0, 24.0), Condition({"loss": ("ranking",)})),
            Parameter("rate", Float(1e-5, 1.0, log=True)),
        ]
    )


def seen(n: int) -> Observations:
    """Best at ranking, a margin of 8 and a rate of 0.01."""
    codes = space().codes.sample(n, np.random.default_rng(0))
    margin = np.where(np.isnan(codes[:, 1]), 24.0, codes[:, 1])
    values = -np.abs(np.log10(codes[:, 2]) + 2) - 0.1 * np.abs(margin - 8)
    values[0] = math.nan
    return Observations(codes, values, np.zeros(n, dtype=np.int64))


def test_it_proposes_near_what_was_good() -> None:
    rows = np.array([ParzenSampler(space(), seed=s).row(space(), seen(60), 60) for s in range(12)])
    assert (rows[:, 0] == 0).mean() > 0.7
    assert np.median(np.abs(np.log10(rows[:, 2]) + 2)) < 0.8


def test_among_given_rows_it_takes_the_one_most_like_the_good() -> None:
    rows = [
        {"loss": "entropy", "rate": 1e-5},
        {"loss": "ranking", "margin": 8.0, "rate": 0.01},
        {"loss": "ranking", "margin": 23.0, "rate": 0.9},
        {"loss": "entropy", "rate": 0.01},
    ]
    pool = space().codes.rows(rows)
    assert ParzenSampler(space(), seed=0).choose(space(), seen(60), 60, pool) == 1


def test_groups_are_the_coarsest_that_every_trial_is_made_of() -> None:
    sets = [frozenset("ab"), frozenset("abc"), frozenset("ad")]
    assert sorted(_groups(sets)) == [["a"], ["b"], ["c"], ["d"]]
    assert sorted(_groups([frozenset("ab"), frozenset("abc")])) == [["a", "b"], ["c"]]
