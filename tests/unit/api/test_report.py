"""`write_report` and `compare` from Python."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import pytest

import kgtuner as kt
from benchmarks.report import make_run
from kgtuner.api import report
from kgtuner.errors import ConfigError, RunError


def test_the_report_lies_in_the_run_folder(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", 4)
    assert kt.write_report(run.path) == run.path / "report.html"
    assert kt.write_report(run.path, tmp_path / "elsewhere.html").read_text().startswith("<!doctype html>")


def test_figures_are_written_as_png_and_svg(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    run = make_run(tmp_path / "run", 5)
    kt.write_report(run.path, figures=tmp_path / "figures")
    names = {path.name for path in (tmp_path / "figures").iterdir()}
    assert {"history.png", "history.svg", "relations.svg", "spending.png", "curves-full.svg"} <= names
    assert (tmp_path / "figures" / "history.png").read_bytes().startswith(b"\x89PNG")


def test_missing_matplotlib_is_one_sentence_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(tmp_path / "run", 4)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ConfigError, match=r"pip install 'kgtuner\[figures\]'"):
        kt.write_report(run.path, figures=tmp_path / "figures")
    assert not (run.path / "report.html").exists()


def test_a_live_report_is_written_until_the_run_ends(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", 4, ended=False)
    run.lock()
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        assert '"reload":7' in (run.path / "report.html").read_text()
        if len(waited) == 2:
            run.unlock()

    report.report_live(run.path, every=7, sleep=sleep)
    assert waited == [7, 7]
    assert '"reload":null' in (run.path / "report.html").read_text()


def test_a_live_report_that_is_interrupted_stops_loading_itself(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", 4, ended=False)
    run.lock()

    def interrupted(seconds: float) -> None:
        raise KeyboardInterrupt

    try:
        report.report_live(run.path, sleep=interrupted)
    finally:
        run.unlock()
    assert '"reload":null' in (run.path / "report.html").read_text()


@pytest.mark.parametrize("error", [RunError("the disk is full"), ValueError("a plot"), KeyboardInterrupt()])
def test_a_report_that_fails_at_the_end_of_a_run_is_a_warning(
    error: BaseException, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(run: Path) -> None:
        raise error

    monkeypatch.setattr(report, "write_report", fail)
    with caplog.at_level(logging.WARNING):
        report.report_at_end(Path("runs/x"))
    assert "write it by: kgtuner report runs/x" in caplog.text
    assert str(error) in caplog.text


def test_one_run_cannot_be_compared(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="compare needs at least two runs"):
        kt.compare([tmp_path])
    with pytest.raises(ConfigError, match="compare needs at least two runs"):
        kt.compare(str(tmp_path))


def test_runs_are_compared_with_a_page(tmp_path: Path) -> None:
    runs = [make_run(tmp_path / name, 4).path for name in ("a", "b")]
    found = kt.compare(runs, tmp_path / "both.html")
    assert found.table.columns.tolist() == ["a", "b"]
    assert (tmp_path / "both.html").read_text().startswith("<!doctype html>")


def test_a_result_has_plots_and_an_html_form(tmp_path: Path) -> None:
    result = kt.load_run(make_run(tmp_path / "run", 20).path)
    figures = [result.plot_history(), result.plot_importance(), result.plot_parallel("full")]
    figures += result.plot_effects().values()
    assert len(figures) > 5
    assert all(type(figure).__name__ == "Figure" for figure in figures)
    assert "<b>distmult</b>" in result._repr_html_()


def test_an_unknown_hyper_parameter_or_stage_is_offered_the_nearest(tmp_path: Path) -> None:
    result = kt.load_run(make_run(tmp_path / "run", 6).path)
    with pytest.raises(ConfigError, match=r"Did you mean 'optimizer.learning_rate'"):
        result.plot_effect("optimizer.learnin_rate")
    with pytest.raises(ConfigError, match="Did you mean 'full'"):
        result.plot_importance("ful")


def test_a_graph_shows_its_name_as_text() -> None:
    graph = kt.KnowledgeGraph.from_arrays([[0, 0, 1]], [[0, 0, 1]], [[1, 0, 0]], name="<i>x</i>")
    assert "&lt;i&gt;x&lt;/i&gt;" in graph._repr_html_()
    assert "<td>2</td>" in graph._repr_html_()
