"""What all figures share."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from kgtuner.plots.style import (
    colour_at,
    label,
    measured,
    notice,
    notice_of,
    placed,
    round_ticks,
    rounded,
    varied,
)


def test_a_label_is_text_for_plotly() -> None:
    assert label("<a href='x'>&amp;</a>") == "&lt;a href='x'&gt;&amp;amp;&lt;/a&gt;"


def test_only_the_subgraph_with_most_trials_is_looked_at() -> None:
    trials = pd.DataFrame(
        [
            ("subgraph", "core 10%", 0.9),
            ("subgraph", "core 20%", 0.4),
            ("subgraph", "core 20%", 0.5),
            ("full", "full", 0.1),
        ],
        columns=["stage", "fidelity", "value"],
    )
    assert measured(trials, "subgraph")["value"].tolist() == [0.4, 0.5]
    assert len(measured(trials)) == 4
    assert len(measured(trials.drop(columns="fidelity"), "subgraph")) == 3


def test_a_notice_keeps_its_sentence_as_it_is() -> None:
    assert notice_of(notice("1 < 2 trials")) == "1 < 2 trials"


def test_numbers_are_cut_to_five_digits_and_what_is_not_finite_is_none() -> None:
    assert rounded([1.23456789, np.nan, np.inf, 0]) == [1.2346, None, None, 0.0]


def test_categories_stand_side_by_side_in_order() -> None:
    place, ticks, texts, continuous = placed(pd.Series(["b", None, "a", "b"]))
    np.testing.assert_equal(place, [1, np.nan, 0, 1])
    assert (ticks, texts, continuous) == ([0.0, 1.0], ["a", "b"], False)


def test_a_few_numbers_are_categories_in_the_order_of_their_size() -> None:
    place, _, texts, continuous = placed(pd.Series([512, 128, np.nan, 1024]))
    np.testing.assert_equal(place, [1, 0, np.nan, 2])
    assert texts == ["128", "512", "1,024"]
    assert not continuous


def test_a_few_numbers_from_a_range_keep_their_distances() -> None:
    place, _, _, continuous = placed(pd.Series([0.5, 1.0, 2.0, np.nan]))
    np.testing.assert_equal(place, [0.5, 1.0, 2.0, np.nan])
    assert continuous
    assert not placed(pd.Series([0.5, 0.1, 0.5, 0.1]))[3]  # chosen from two, not drawn


def test_many_numbers_over_decades_stand_on_a_logarithmic_axis() -> None:
    place, ticks, texts, continuous = placed(pd.Series(10.0 ** -np.arange(10)))
    np.testing.assert_allclose(place, -np.arange(10.0))
    assert continuous
    assert dict(zip(ticks, texts, strict=True))[-9.0] == "1e-09"


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.0, 0.3, [0.0, 0.1, 0.2, 0.3]),
        (3.0, 21.0, [5.0, 10.0, 15.0, 20.0]),
        (-1.0, 1.0, [-1, -0.5, 0, 0.5, 1]),
    ],
)
def test_ticks_are_round(low: float, high: float, expected: list[float]) -> None:
    assert round_ticks(low, high) == expected


def test_hyper_parameters_with_one_value_do_not_vary() -> None:
    trials = pd.DataFrame({"value": [1, 2], "a.x": [1, 1], "a.y": [1, 2], "a.z": [None, "k"]})
    assert varied(trials) == ["a.y"]


def test_colours_run_from_the_worst_to_the_best() -> None:
    assert colour_at(0.0) == "#607da0"
    assert colour_at(1.0) == "#d9702b"
    assert colour_at(7.0) == colour_at(1.0)
