"""benchmarks/tabular/evidence.py: where good values lie, and what a choice by one seed costs, on made-up trainings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmarks.tabular import evidence
from benchmarks.tabular.evidence import BEST, SHORTER, second_seed, shifts, with_shorter
from benchmarks.tabular.store import DATA
from benchmarks.tabular.table import Table
from kgtuner.analysis.trials import FULL, Trials, as_trials, read_trials

RATE = "optimizer.learning_rate"


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "RESAMPLES", 200)


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return read_trials(DATA / "umls-complex.parquet")


def on_two_graphs(trials: Trials, best_on_small: float, best_on_full: float) -> Trials:
    """The better the nearer the learning rate is to the best one of the graph; the small graph lists them backwards."""
    rates = np.log(trials.codes[:, [p.name for p in trials.space.parameters].index(RATE)])
    small, full = (-np.abs(rates - np.log(best)) for best in (best_on_small, best_on_full))
    n = len(trials)
    return Trials(
        trials.space,
        np.concatenate([trials.codes[::-1], trials.codes]),
        np.concatenate([small[::-1], full]),
        np.ones(2 * n),
        ("small",) * n + (FULL,) * n,
    )


def where(trials: Trials, best: float = BEST[0], against: str = FULL) -> dict[str, Any]:
    """By hyper-parameter where the best of a smaller graph lie."""
    return {one["name"]: one for one in shifts(trials) if one["best"] == best and one["against"] == against}


def test_a_learning_rate_that_is_twice_as_high_on_the_subgraph_is_found_and_nothing_else(
    frame: pd.DataFrame,
) -> None:
    full = as_trials(frame).of(FULL)
    for best in BEST:
        found = where(on_two_graphs(full, 0.02, 0.01), best)
        assert found[RATE]["shift"] == pytest.approx(2, rel=0.2)
    found = where(on_two_graphs(full, 0.02, 0.01))
    assert found[RATE]["shift"] == pytest.approx(2, rel=0.1)
    assert 1.5 < found[RATE]["low"] < found[RATE]["high"] < 2.5
    dropout = found.pop("model.dropout")
    assert dropout["low"] < 0 < dropout["high"]
    assert all(one["low"] < 1 < one["high"] for name, one in found.items() if name != RATE)
    turned = where(on_two_graphs(full, 0.01, 0.02))
    assert turned[RATE]["shift"] == pytest.approx(1 / found[RATE]["shift"])


def test_few_configurations_say_nothing_about_where_the_best_lie(frame: pd.DataFrame) -> None:
    full = as_trials(frame).of(FULL)
    few = replace(full, codes=full.codes[:99], values=full.values[:99], groups=full.groups[:99])
    assert shifts(on_two_graphs(few, 0.02, 0.01)) == []


def test_a_subgraph_is_compared_with_trainings_that_are_as_short_too(frame: pd.DataFrame) -> None:
    full = as_trials(frame).of(FULL)
    trials = on_two_graphs(full, 0.02, 0.01)
    as_short = replace(full, values=trials.of("small").values[::-1], groups=(SHORTER,) * len(full))
    both = Trials(
        trials.space,
        *(
            np.concatenate([getattr(one, f) for one in (trials, as_short)])
            for f in ("codes", "values", "seconds")
        ),
        trials.groups + as_short.groups,
    )
    assert where(both, against=SHORTER)[RATE]["shift"] == pytest.approx(1)
    assert where(both)[RATE]["shift"] == pytest.approx(2, rel=0.2)


def test_shorter_trainings_are_what_a_replay_would_see_of_them(frame: pd.DataFrame) -> None:
    first = frame[frame["seed"] == 0]
    shorter = with_shorter(first, "walk-0.4")
    table = Table.load("umls", "complex")
    own = shorter[shorter["fidelity"] == SHORTER]
    assert len(own) == len(table.trainings[FULL]) == len(shorter) - len(first)
    for row in own.itertuples():
        expected = table.answer(row.number, FULL, 0.8 / 2).value
        assert row.value == pytest.approx(expected, nan_ok=True)


def test_a_choice_by_one_seed_costs_nothing_where_seeds_agree_and_something_where_they_do_not() -> None:
    rng = np.random.default_rng(0)
    quality, noise = rng.random(60), rng.normal(scale=0.1, size=60)
    lost = []
    for second in (quality, quality + noise):
        both = [
            pd.DataFrame({"fidelity": FULL, "number": range(60), "seed": seed, "value": values})
            for seed, values in enumerate((quality, second))
        ]
        figures = second_seed(pd.concat(both))
        assert figures["pairs"] == 60
        lost.append(figures["lost"])
    assert lost[0] == 0
    assert 0 < lost[1] < np.abs(noise).max()
