"""Runs side by side."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from benchmarks.report import make_graph, make_run
from kgtuner.execution.local import Local
from kgtuner.execution.ray import Ray
from kgtuner.report.html.comparing import compare_runs, comparison_sections
from kgtuner.report.html.page import render
from kgtuner.report.html.reading import read_run


def test_only_hyper_parameters_that_differ_are_compared(ended_run: Path, tmp_path: Path) -> None:
    other = make_run(tmp_path / "other", 6, model="complex").path
    found = compare_runs([read_run(ended_run), read_run(other)])
    titles = [title for title, _ in found.rows]
    assert "model.name" in titles
    assert "training.max_steps" not in titles
    assert found.names == ["ended", "other"]
    assert found.table.loc["models"].tolist() == ["distmult", "complex"]


def test_runs_on_different_graphs_are_warned_about(ended_run: Path, tmp_path: Path) -> None:
    other = make_run(tmp_path / "other", 6, graph=make_graph(30)).path
    found = compare_runs([read_run(ended_run), read_run(other)])
    assert "The runs are on different graphs or splits: their metrics do not compare." in found.warnings


def test_runs_with_other_numbers_of_workers_are_warned_about(ended_run: Path) -> None:
    one = read_run(ended_run)
    two, ray = (
        dataclasses.replace(one, executor=executor.describe())
        for executor in (Local(2), Ray("10.0.0.1:6379", workers=None))
    )
    assert compare_runs([one, dataclasses.replace(one, executor=Local(1).describe())]).warnings == []
    found = compare_runs([one, two, ray])
    assert found.warnings == [
        "The runs had different numbers of workers: the same time is not the same work."
    ]
    assert found.table.loc["workers"].tolist() == ["1", "2", "all of Ray"]
    assert found.to_mapping()["runs"][1]["executor"]["workers"] == 2


def test_a_run_that_has_not_ended_is_named(tmp_path: Path) -> None:
    runs = [read_run(make_run(tmp_path / name, 6, ended=name == "a").path) for name in ("a", "b")]
    assert compare_runs(runs).warnings == ["Not finished, so without test metrics: b."]


def test_runs_of_one_name_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    runs = [read_run(make_run(tmp_path / name / "run", 4).path) for name in ("a", "b")]
    assert compare_runs(runs).names == ["a/run", "b/run"]


@pytest.mark.parametrize("trials", [2, 6])
def test_a_comparison_has_a_page(tmp_path: Path, trials: int) -> None:
    runs = [read_run(make_run(tmp_path / name, trials).path) for name in ("a", "<b>")]
    page = render("both", comparison_sections(compare_runs(runs)))
    assert "<b>" not in page
    assert "&lt;b&gt;" in compare_runs(runs)._repr_html_()
