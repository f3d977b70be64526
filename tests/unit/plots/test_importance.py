"""Which hyper-parameters mattered."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from kgtuner.plots.importance import importance_figure, importance_sentence, importances
from kgtuner.plots.style import notice_of


def trials(n: int = 60) -> pd.DataFrame:
    """`a.strong` decides, `a.weak` does nothing, `b.rare` applies to four trials."""
    rng = np.random.default_rng(0)
    strong = rng.uniform(0, 1, n)
    return pd.DataFrame(
        {
            "stage": "subgraph",
            "number": range(n),
            "value": 1 - (strong - 0.8) ** 2 + rng.normal(0, 0.005, n),
            "again": None,
            "a.strong": strong,
            "a.weak": rng.choice(["x", "y", "z"], n),
            "b.rare": [0.1 * i if i < 4 else None for i in range(n)],
        }
    )


def test_what_decides_comes_first_by_both_measures() -> None:
    table = importances(trials(), "subgraph").set_index("name")
    assert table.index[0] == "a.strong"
    assert table["ped_anova"]["a.strong"] > 0.7
    assert table["fanova"]["a.strong"] > 0.8


def test_shares_add_up_to_one() -> None:
    table = importances(trials(), "subgraph")
    assert table["ped_anova"].sum() == pytest.approx(1)
    assert table["fanova"].sum() == pytest.approx(1)


def test_what_applies_to_a_few_trials_is_not_judged_but_named() -> None:
    table = importances(trials(), "subgraph")
    rare = table.set_index("name").loc["b.rare"]
    assert rare["n"] == 4
    assert np.isnan(rare["ped_anova"])
    assert np.isnan(rare["fanova"])
    assert "fewer than 10 trials and is left out: b.rare" in importance_sentence(table, 60)
    shown = {name for bar in importance_figure(table, 60).data for name in bar.y}
    assert not any("b.rare" in name for name in shown)


def test_a_conditional_hyper_parameter_says_to_how_many_trials_it_applies() -> None:
    some = trials().assign(**{"b.rare": [0.01 * i if i < 30 else None for i in range(60)]})
    names = set(importance_figure(importances(some, "subgraph"), 60).data[0].y)
    assert "b.rare (30 of 60)" in names


def conditional(best: str) -> pd.DataFrame:
    """`model.name` moves the value by 0.2; `b.y` applies to model b only, and moves it by 0.02 beside noise of 0.01."""
    rng = np.random.default_rng(0)
    name, y = rng.choice(["a", "b"], 60), rng.uniform(0, 1, 60)
    is_b = name == "b"
    return pd.DataFrame(
        {
            "stage": "full",
            "number": range(60),
            "value": 0.2 * (name == best) + np.where(is_b, 0.02 * y, 0) + rng.normal(0, 0.01, 60),
            "again": None,
            "model.name": name,
            "b.y": np.where(is_b, y, np.nan),
        }
    )


@pytest.mark.parametrize("best", ["a", "b"])
def test_what_moves_some_trials_by_little_explains_little_of_the_variance_of_all(best: str) -> None:
    # Among its own trials b.y explains up to a quarter: 0.02² / 12 beside 0.01². These trials have 1 % of the
    # variance: half of 0.02² / 12 + 0.01², beside the 0.1² of model.name.
    table = importances(conditional(best), "full").set_index("name")
    assert table["n"]["b.y"] == pytest.approx(30, abs=6)
    assert table["fanova"]["b.y"] < 0.05
    assert table["fanova"]["model.name"] > 0.95


def test_what_none_of_the_best_trials_has_is_nothing_that_they_share() -> None:
    table = importances(conditional("a"), "full").set_index("name")
    assert table["ped_anova"]["b.y"] == 0
    assert importances(conditional("b"), "full").set_index("name")["ped_anova"]["b.y"] > 0.1


@pytest.mark.parametrize("table", [trials(9), trials().assign(value=0.5), trials().iloc[:0]])
def test_too_few_or_equal_trials_say_nothing(table: pd.DataFrame) -> None:
    assert len(importances(table, "subgraph")) == 0


def test_too_few_trials_are_a_sentence() -> None:
    assert notice_of(importance_figure(importances(trials(9), "subgraph"), 9)) == (
        "9 trials with a value: too few, or too alike, to say which hyper-parameters matter "
        "(at least 10 are needed)."
    )


def test_the_same_trials_give_the_same_importances() -> None:
    pd.testing.assert_frame_equal(importances(trials(), "subgraph"), importances(trials(), "subgraph"))
