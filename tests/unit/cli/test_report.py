"""`kgtuner report` and `kgtuner compare`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.report import make_run
from kgtuner.cli.main import main


def test_report_says_where_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = make_run(tmp_path / "run", 4).path
    assert main(["report", str(run), "--no-examples"]) == 0
    assert capsys.readouterr().out == f"{run}/report.html (2.0 MB)\n"


def test_report_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = make_run(tmp_path / "run", 4).path
    assert main(["report", str(run), "--output", str(tmp_path / "page.html"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["report"] == str(tmp_path / "page.html")
    assert found["bytes"] == (tmp_path / "page.html").stat().st_size


@pytest.mark.parametrize("option", ["--no-examples", "--figures=x"])
def test_live_refuses_what_it_does_not_do(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "run", "--live", option]) == 2
    assert f"leave out {option.partition('=')[0]}" in capsys.readouterr().err


def test_no_run_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(tmp_path)]) == 4
    assert capsys.readouterr().err.count("\n") == 1


def test_compare_prints_a_column_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = [str(make_run(tmp_path / name, 4, ended=name == "one").path) for name in ("one", "other")]
    assert main(["compare", *runs, "--output", str(tmp_path / "both.html")]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[0].split() == ["one", "other"]
    assert "Not finished, so without test metrics: other." in out
    assert (tmp_path / "both.html").exists()


def test_compare_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = [str(make_run(tmp_path / name, 4).path) for name in ("one", "other")]
    assert main(["compare", *runs, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [run["name"] for run in found["runs"]] == ["one", "other"]
    assert 0 < found["runs"][0]["test"]["mrr"] < 1


def test_compare_with_one_run_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(tmp_path)]) == 2
    assert "compare needs at least two runs" in capsys.readouterr().err
