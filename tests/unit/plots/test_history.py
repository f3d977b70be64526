"""The best so far, stage by stage."""

from __future__ import annotations

import pandas as pd
import pytest

from kgtuner.plots.history import failures, history_figure, spans, standing
from kgtuner.plots.style import notice_of


def trials() -> pd.DataFrame:
    """Two trials and a failure on the subgraph, two on the full graph."""
    return pd.DataFrame(
        [
            ("subgraph", 0, "complete", 0.5, 10.0),
            ("subgraph", 1, "failed", None, None),
            ("subgraph", 2, "complete", 0.4, 20.0),
            ("full", 0, "complete", 0.1, 50.0),
            ("full", 1, "stopped", 0.3, 80.0),
        ],
        columns=["stage", "number", "state", "value", "elapsed"],
    )


def test_the_best_of_a_stage_says_nothing_about_the_other() -> None:
    assert standing(trials(), "mrr")["best"].tolist() == [0.5, 0.5, 0.1, 0.3]


def test_the_best_on_a_subgraph_says_nothing_about_another_subgraph() -> None:
    several = trials().assign(fidelity=["core 10%", "core 10%", "core 20%", "full", "full"])
    assert standing(several, "mrr")["best"].tolist() == [0.5, 0.4, 0.1, 0.3]
    names = [trace.name for trace in history_figure(several).data if trace.mode == "lines"]
    assert names == [
        "best of stage 1, subgraph (core 10%)",
        "best of stage 1, subgraph (core 20%)",
        "best of stage 2, full graph",
    ]


def test_a_mean_rank_is_shown_as_it_was_measured() -> None:
    ranks = trials().assign(value=[-10.0, None, -20.0, -40.0, -30.0])
    table = standing(ranks, "mean_rank")
    assert table["shown"].tolist() == [10, 20, 40, 30]
    assert table["best"].tolist() == [10, 10, 40, 30]


def test_each_stage_spans_from_the_end_of_the_one_before() -> None:
    assert spans(trials()) == [("subgraph", 0.0, 20.0), ("full", 20.0, 80.0)]


def test_stages_that_take_turns_have_a_span_for_each_turn() -> None:
    order = trials().assign(elapsed=[20.0, None, 30.0, 10.0, 40.0])
    assert spans(order) == [("full", 0.0, 10.0), ("subgraph", 10.0, 30.0), ("full", 30.0, 40.0)]


def test_a_failed_trial_stands_at_the_time_of_the_one_before_it() -> None:
    assert failures(trials())[["number", "elapsed"]].to_numpy().tolist() == [[1, 10.0]]


def test_a_failed_trial_is_on_the_figure() -> None:
    names = {trace.name for trace in history_figure(trials()).data}
    assert "failed" in names
    assert "best of stage 2, full graph" in names


@pytest.mark.parametrize("rows", [slice(0, 0), slice(1, 2)])
def test_without_a_value_a_sentence_says_so(rows: slice) -> None:
    assert (
        notice_of(history_figure(trials()[rows]))
        == "No trial has a value yet, so there is no best to follow."
    )
