"""One hyper-parameter and its ranks."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from kgtuner.plots.effects import bands, draw_effect, effect_figure, effect_rows
from kgtuner.plots.style import notice_of


def trials(n: int = 11) -> pd.DataFrame:
    """`a.x` alternates, `b.y` applies to the first three trials only; a larger number is better."""
    return pd.DataFrame(
        {
            "stage": "subgraph",
            "number": range(n),
            "value": np.arange(n) / n,
            "again": None,
            "a.x": ["even" if i % 2 == 0 else "odd" for i in range(n)],
            "b.y": [0.1 if i < 3 else None for i in range(n)],
        }
    )


def test_the_best_trial_has_rank_zero_and_the_worst_one() -> None:
    ranks = effect_rows(trials(), "a.x", "subgraph").set_index("number")["rank"]
    assert ranks[10] == 0.0
    assert ranks[5] == 0.5
    assert ranks[0] == 1.0


def test_ranks_are_among_all_trials_even_where_a_hyper_parameter_does_not_apply() -> None:
    assert effect_rows(trials(), "b.y", "subgraph")["rank"].tolist() == [1.0, 0.9, 0.8]


def test_a_trial_that_goes_on_from_another_is_left_out_as_it_had_more_time() -> None:
    again = trials().assign(again=[None] * 10 + [3.0])
    assert 10 not in effect_rows(again, "a.x", "subgraph")["number"].tolist()


def test_a_band_of_a_category_holds_the_ranks_of_its_trials() -> None:
    table = bands(np.array([0, 0, 0, 1]), np.array([0.0, 0.5, 1.0, 0.2]), continuous=False)
    assert table["n"].tolist() == [3, 1]
    assert table["q50"].tolist() == [0.5, 0.2]
    assert table["q25"].tolist() == [0.25, 0.2]


def test_bins_of_a_range_hold_equally_many_trials() -> None:
    table = bands(np.arange(50.0) ** 2, np.linspace(0, 1, 50), continuous=True)
    assert table["n"].tolist() == [10] * 5
    assert table["low"].iloc[0] == 0.0
    assert table["high"].iloc[-1] == 49.0**2


def test_too_few_trials_are_a_sentence() -> None:
    assert notice_of(effect_figure(trials(), "b.y")) == (
        "b.y applies to 3 measured trials of this stage: too few to show its effect (at least 5)."
    )


def test_every_category_has_its_name_below_the_axis() -> None:
    figure = effect_figure(trials(), "a.x")
    assert notice_of(figure) is None
    assert list(figure.layout.xaxis.ticktext) == ["even", "odd"]


def test_on_paper_the_values_stand_below_both_axes() -> None:
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    above, below = Figure().subplots(2, sharex=True)
    draw_effect(above, below, trials(), "a.x")
    assert [text.get_text() for text in below.get_xticklabels()] == ["even", "odd"]
    assert below.xaxis.get_tick_params()["labelbottom"]
    assert not above.xaxis.get_tick_params()["labelbottom"]
