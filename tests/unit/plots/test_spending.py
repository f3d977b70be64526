"""Where the time went."""

from __future__ import annotations

import pandas as pd
import pytest

from kgtuner.plots.spending import draw_spending, spending_figure
from kgtuner.plots.style import notice_of


def test_each_stage_has_a_bar_with_its_parts() -> None:
    table = pd.DataFrame(
        [
            ("one", "training", 5.0),
            ("two", "training", 7.0),
            ("two", "failed trials", 1.0),
            ("two", "validation", 0.0),
        ],
        columns=["part", "what", "seconds"],
    )
    figure = spending_figure(table)
    assert {bar.name: list(bar.x) for bar in figure.data} == {"training": [5.0, 7.0], "failed trials": [1.0]}


def test_no_time_is_a_sentence() -> None:
    empty = pd.DataFrame([("one", "training", 0.0)], columns=["part", "what", "seconds"])
    assert notice_of(spending_figure(empty)) == "No time has been spent yet."


def test_on_paper_each_bar_stands_beside_its_own_name() -> None:
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    table = pd.DataFrame(
        [("one", "training", 5.0), ("two", "training", 7.0), ("two", "validation", 2.0)],
        columns=["part", "what", "seconds"],
    )
    axes = Figure().subplots()
    draw_spending(axes, table)
    names = {
        tick: text.get_text() for tick, text in zip(axes.get_yticks(), axes.get_yticklabels(), strict=True)
    }
    lengths: dict[str, float] = {}
    for bar in axes.patches:
        name = names[bar.get_y() + bar.get_height() / 2]
        lengths[name] = lengths.get(name, 0.0) + bar.get_width()
    assert lengths == {"one": 5.0, "two": 9.0}
