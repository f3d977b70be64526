"""What a result shows of itself in a notebook."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest

import kgtuner as kt
from benchmarks.report import make_graph, make_run
from kgtuner.errors import RunError
from kgtuner.plots.style import notice_of
from kgtuner.tuning.result import TuneResult


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> TuneResult:
    """A run of 40 trials, 8 of them on the full graph."""
    graph = make_graph(relation_names=["<b>x</b>\x1b[31m"])
    return kt.load_run(make_run(tmp_path_factory.mktemp("runs") / "run", 40, graph=graph).path)


def test_transfer_shows_the_configurations_trained_on_both_graphs(result: TuneResult) -> None:
    # Trials 1 to 6; see tests/unit/report/html/test_reading.py.
    assert [data[1] for trace in result.plot_transfer().data for data in trace.customdata] == [
        1,
        2,
        3,
        4,
        5,
        6,
    ]


def test_the_table_of_trials_says_on_which_graph_each_was_made(result: TuneResult) -> None:
    assert result.trials.groupby("stage")["fidelity"].unique().map(list).to_dict() == {
        "subgraph": ["walk 20%"],
        "full": ["full"],
    }


def test_curves_are_those_of_the_stage_that_is_asked_for(result: TuneResult) -> None:
    # Of the eight on the full graph one failed and the last goes on from the first, so it stands for both.
    full = [trace for trace in result.plot_curves("full").data if trace.hoverinfo != "skip"]
    assert len(full) == 6
    assert result.plot_curves("subgraph") != result.plot_curves("full")


def test_relations_are_those_of_the_graph_as_text(result: TuneResult) -> None:
    names = {name for trace in result.plot_relations().data for name, _ in trace.customdata}
    assert names == {"&lt;b&gt;x&lt;/b&gt;?[31m", "relation 1", "relation 2", "relation 3"}


def test_a_run_without_a_test_has_no_relations_to_plot(result: TuneResult) -> None:
    figure = dataclasses.replace(result, test=None).plot_relations()
    assert notice_of(figure) == "No relation has been ranked yet."


def test_spending_adds_up_to_the_time_of_the_run(result: TuneResult) -> None:
    spent = sum(seconds for trace in result.plot_spending().data for seconds in trace.x)
    assert spent == pytest.approx(result.seconds, abs=0.1)


def test_plots_of_a_run_whose_folder_is_gone_say_what_is_missing(tmp_path: Path) -> None:
    result = kt.load_run(make_run(tmp_path / "run", 4).path)
    shutil.rmtree(tmp_path / "run")
    with pytest.raises(RunError, match=r"study\.sqlite is missing"):
        result.plot_curves()
