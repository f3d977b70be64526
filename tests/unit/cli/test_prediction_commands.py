"""`kgtuner predict` with files, `classify`, `calibrate` and `neighbours`, on a graph of sixty entities."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from kgtuner.cli.main import main
from kgtuner.tuning.loading import load_predictor

CONFIG = """\
model: {name: distmult, dimension: 8}
loss: cross_entropy
training: {mode: one_vs_all, batch_size: 32, max_steps: 20, validate_every: 10}
"""
HOSTILE = '=HYPERLINK("http://x")'


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short training on a ring; the first entity has a name that a spreadsheet would run."""
    data = tmp_path_factory.mktemp("data") / "ring"
    data.mkdir()
    name = [HOSTILE] + [f"e{i}" for i in range(1, 60)]
    lines = [
        f"{name[i]}\t{relation}\t{name[(i + step) % 60]}\n"
        for relation, step in (("next", 1), ("skip", 2))
        for i in range(60)
    ]
    held_out = lines[10:120:10]
    (data / "train.txt").write_text("".join(line for line in lines if line not in held_out), encoding="utf-8")
    (data / "valid.txt").write_text("".join(held_out[:6]), encoding="utf-8")
    (data / "test.txt").write_text("".join(held_out[6:]), encoding="utf-8")
    folder = tmp_path_factory.mktemp("runs") / "ring"
    config = folder.with_suffix(".yaml")
    config.write_text(CONFIG)
    assert main(["train", str(data), "--config", str(config), "--output", str(folder)]) == 0
    return folder


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def told(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def complaint(capsys: pytest.CaptureFixture[str]) -> str:
    (line,) = capsys.readouterr().err.splitlines()
    return line


# ---------------------------------------------------------------------- predict


def test_a_file_of_questions_is_answered_into_a_file(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("q.csv").write_text("head,relation,tail\ne5,next,\n,skip,e7\ne5,,e9\n")
    command = ["predict", str(run), "--input", "q.csv", "--output", "a.csv", "-k", "4"]
    assert main([*command, "--json"]) == 0
    assert told(capsys) == {
        "input": "q.csv",
        "output": "a.csv",
        "questions": 3,
        "answers": 10,
        "unanswered": 0,
    }
    frame = pd.read_csv("a.csv")
    assert frame.groupby("question").size().tolist() == [4, 4, 2]
    assert set(frame[frame["question"] == 3]["relation"]) == {"next", "skip"}
    assert main(command) == 0
    assert "10 answers to 3 questions in a.csv" in capsys.readouterr().out


def test_parquet_in_and_out_with_marks_and_probabilities(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("pyarrow")
    pd.DataFrame({"head": [HOSTILE], "relation": ["next"], "tail": [None]}).to_parquet("q.parquet")
    command = ["predict", str(run), "--input", "q.parquet", "--output", "a.parquet", "-k", "60"]
    assert main([*command, "--known", "mark", "--prior", "0.2"]) == 0
    frame = pd.read_parquet("a.parquet")
    assert frame["head"].tolist() == [HOSTILE] * 60
    assert frame["known"].sum() == 1
    assert frame["probability"].between(0, 1).all()


def test_a_csv_of_answers_cannot_run_in_a_spreadsheet_and_can_be_asked_again(run: Path) -> None:
    Path("q.csv").write_text("head,relation,tail\n,next,e1\n")
    assert (
        main(["predict", str(run), "--input", "q.csv", "--output", "a.csv", "-k", "60", "--known", "keep"])
        == 0
    )
    with open("a.csv", encoding="utf-8", newline="") as file:
        heads = [row["head"] for row in csv.DictReader(file)]
    assert "'" + HOSTILE in heads
    assert HOSTILE not in heads
    assert main(["classify", str(run), "--input", "a.csv", "--output", "v.csv"]) == 0


def test_a_bad_row_is_named_and_nothing_is_written(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("q.csv").write_text("head,relation,tail\ne5,next,\ne5,nxt,\n")
    assert main(["predict", str(run), "--input", "q.csv", "--output", "a.csv"]) == 3
    assert "q.csv line 3, relation: unknown relation 'nxt' in ring. Did you mean 'next'?" in complaint(capsys)
    assert sorted(path.name for path in Path().iterdir()) == ["q.csv"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--input", "q.csv"], "--input and --output belong together"),
        (["--output", "a.csv"], "--input and --output belong together"),
        (["--input", "q.csv", "--output", "a.csv", "--head", "e1"], "leave out --head"),
        (["--head", "e1", "--relation", "next", "--prior", "2"], "--prior: must be a number between 0 and 1"),
    ],
)
def test_predict_options_that_do_not_fit_are_one_sentence(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", "run", *arguments]) == 2
    assert sentence in complaint(capsys)


def test_a_single_question_gets_probabilities(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    question = ["predict", str(run), "--head", "e5", "--relation", "next", "-k", "3"]
    assert main([*question, "--probabilities", "--json"]) == 0
    answers = told(capsys)["predictions"]
    assert all(0 < answer["probability"] < 1 for answer in answers)
    assert main([*question, "--prior", "0.001", "--json"]) == 0
    rare = told(capsys)["predictions"]
    assert [a["entity"] for a in rare] == [a["entity"] for a in answers]
    assert all(a["probability"] < b["probability"] for a, b in zip(rare, answers, strict=True))
    assert main([*question, "--probabilities"]) == 0
    assert "probability" in capsys.readouterr().out
    assert (run / "calibration.json").exists()


# ---------------------------------------------------------------------- classify


def test_triples_of_a_file_are_judged(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("t.csv").write_text("head,relation,tail\ne5,next,e6\ne5,next,e40\n")
    assert main(["classify", str(run), "--input", "t.csv", "--json"]) == 0
    report = told(capsys)
    assert report["triples"] == 2
    assert report["true"] == sum(verdict["label"] for verdict in report["verdicts"])
    assert [verdict["known"] for verdict in report["verdicts"]] == [True, False]
    assert main(["classify", str(run), "--input", "t.csv"]) == 0
    assert "(e5, next, e40)" in capsys.readouterr().out
    assert main(["classify", str(run), "--input", "t.csv", "--output", "v.tsv", "--json"]) == 0
    assert told(capsys) == {"input": "t.csv", "output": "v.tsv", "triples": 2, "true": report["true"]}
    assert pd.read_csv("v.tsv", sep="\t")["tail"].tolist() == ["e6", "e40"]


def test_classification_is_measured_on_false_triples(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("false.txt").write_text("e5\tnext\te40\ne7\tskip\te1\n")
    for extra in ([], ["--split", "valid"], ["--valid-negatives", "false.txt"]):
        assert main(["classify", str(run), "--negatives", "false.txt", *extra, "--json"]) == 0
        report = told(capsys)
        counts = [
            report[f"{value}_{kind}"] for value in ("true", "false") for kind in ("positives", "negatives")
        ]
        assert sum(counts) == 2 + (6 if "valid" in extra else 5)
        assert report["accuracy"] == pytest.approx((counts[0] + counts[1]) / sum(counts))
    assert main(["classify", str(run), "--negatives", "false.txt"]) == 0
    out = capsys.readouterr().out
    assert "split test" in out
    assert "accuracy" in out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "give either --input with triples to judge, or --negatives"),
        (["--input", "a.csv", "--negatives", "b.csv"], "give either --input"),
        (["--negatives", "b.csv", "--output", "c.csv"], "--output is for the verdicts on --input"),
        (["--input", "a.csv", "--split", "test"], "--split is for measuring"),
        (["--input", "a.csv", "--valid-negatives", "b.csv"], "--valid-negatives is for measuring"),
    ],
)
def test_classify_options_that_do_not_fit_are_one_sentence(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["classify", "run", *arguments]) == 2
    assert sentence in complaint(capsys)


# ---------------------------------------------------------------------- calibrate and neighbours


def test_calibrate_reports_before_and_after(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calibrate", str(run), "--seed", "3", "--json"]) == 0
    report = told(capsys)
    assert report["validation_triples"] == 6
    assert report["corruptions"] == 48
    for judged in (report["before"], report["after"]):
        assert sum(part["share"] for part in judged["bins"]) == pytest.approx(1)
    assert load_predictor(run).calibration.after[report["method"]].brier == report["after"]["brier"]
    assert main(["calibrate", str(run)]) == 0
    assert "6 validation triples against 48 corruptions" in capsys.readouterr().out


def test_the_reliability_figure_is_drawn(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    assert main(["calibrate", str(run), "--figure", "r.svg"]) == 0
    assert "<svg" in Path("r.svg").read_text(encoding="utf-8")
    capsys.readouterr()
    assert main(["calibrate", str(run), "--figure", "r.gif"]) == 2
    assert "unknown figure ending '.gif'" in complaint(capsys)


def test_neighbours_are_listed(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["neighbours", str(run), "e5", "-k", "3", "--json"]) == 0
    report = told(capsys)
    assert report["entity"] == "e5"
    cosines = [near["cosine"] for near in report["neighbours"]]
    assert len(cosines) == 3
    assert cosines == sorted(cosines, reverse=True)
    assert main(["neighbours", str(run), "e5", "-k", "3"]) == 0
    assert report["neighbours"][0]["entity"] in capsys.readouterr().out
    assert main(["neighbours", str(run), "e5x"]) == 3
    assert "Did you mean 'e5'?" in complaint(capsys)


@pytest.mark.parametrize("command", ["predict", "classify", "calibrate", "neighbours"])
def test_help_loads_nothing_heavy(command: str) -> None:
    code = (
        f"import sys; from kgtuner.cli.main import main; main([{command!r}, '--help']); print(*sys.modules)"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "argparse" in loaded
    assert {"torch", "numpy", "pandas", "sklearn", "matplotlib", "pyarrow", "rich"} & set(loaded) == set()
