"""Exit codes, sentences and start-up time, which hold for every command."""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kgtuner import __version__, errors
from kgtuner.cli import evaluate
from kgtuner.cli.main import build_parser, main
from kgtuner.cli.outcome import Outcome, json_line

HEAVY = {
    "torch",
    "numpy",
    "scipy",
    "pandas",
    "optuna",
    "sklearn",
    "networkx",
    "rich",
    "yaml",
    "pooch",
    "psutil",
}
COMMANDS = ("tune", "train", "evaluate", "predict", "datasets")


def instead(monkeypatch: pytest.MonkeyPatch, run: Callable[[argparse.Namespace], Any]) -> None:
    """Let `kgtuner evaluate` do something else."""
    monkeypatch.setattr(evaluate, "run", run)


def raising(error: BaseException) -> Callable[[argparse.Namespace], Any]:
    def run(args: argparse.Namespace) -> Any:
        raise error

    return run


def outcome(mapping: dict[str, Any], exit_code: int = 0) -> Outcome:
    return Outcome(mapping, lambda console: console.print("a table"), exit_code)


@pytest.mark.parametrize("arguments", [["--help"], *([name, "--help"] for name in COMMANDS)])
def test_help_loads_nothing_heavy_and_answers_at_once(arguments: list[str]) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "kgtuner.cli.main", *arguments]
    used = []
    for _ in range(3):  # the fastest of three: other work on the machine only makes it slower
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        result = subprocess.run(command, capture_output=True, text=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        if used[-1] < 0.5:
            break
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in result.stderr.splitlines()}
    assert "argparse" in loaded
    assert loaded & HEAVY == set()
    assert min(used) < 0.5


def test_help_documents_every_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    documented = capsys.readouterr().out.partition("exit codes:")[2]
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    codes = {kind.exit_code for kind in kinds if issubclass(kind, errors.KGTunerError)}
    for code in (0, 130, 141, *codes):
        assert f"\n  {code} " in documented


@pytest.mark.parametrize(
    ("command", "module", "table"),
    [
        ("tune", "kgtuner.models", "MODELS"),
        ("tune", "kgtuner.evaluation.metrics", "METRICS"),
        ("tune", "kgtuner.space.loading", "PRESETS"),
        ("predict", "kgtuner.prediction", "KNOWN"),
    ],
)
def test_help_names_everything_there_is_to_choose(
    command: str, module: str, table: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from importlib import import_module

    main([command, "--help"])
    text = capsys.readouterr().out
    for name in getattr(import_module(module), table):
        assert name in text


def test_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"kgtuner {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["tnue", "world"], "unknown command 'tnue'. Did you mean 'tune'?"),
        (["tune", "world", "--bugdet", "2m"], "unknown option '--bugdet'. Did you mean '--budget'?"),
        (["tune", "world", "--trails=3"], "unknown option '--trails'. Did you mean '--trials'?"),
        (["train", "world", "--out", "x"], "unknown option '--out'. Did you mean '--output'?"),
        (
            ["evaluate", "run", "--split", "tset"],
            "argument --split: unknown value 'tset'. Did you mean 'test'? Known: valid, test",
        ),
        (
            ["predict", "run", "--known", "marc"],
            "argument --known: unknown value 'marc'. Did you mean 'mark'?",
        ),
        (["datasets", "inof"], "unknown command 'inof'. Did you mean 'info'?"),
        (["evaluate"], "the following arguments are required: RUN"),
        (["evaluate", "run", "another"], "unexpected argument 'another'"),
        (
            ["tune", "world", "--seed", "1.5"],
            "argument --seed: must be a whole number of at least 0, got '1.5'",
        ),
        (["tune", "world", "--seed", "-1"], "argument --seed"),
        (["tune", "world", "--stage-one-share", "2"], "must be a number between 0 and 1, got '2'"),
        (["--json", "tune", "world"], "--json belongs behind the command: kgtuner tune --json"),
        (
            [],
            "a command is missing, for example tune, train, predict or datasets; kgtuner --help has them all",
        ),
    ],
)
def test_wrong_usage_is_one_sentence_with_the_nearest_name(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert sentence in lines[0]
    assert "--help" in lines[0]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.ConfigError("a sentence"), 2),
        (errors.DataError("a sentence"), 3),
        (errors.RunError("a sentence"), 4),
        (errors.Diverged("a sentence"), 5),
    ],
)
def test_an_error_is_a_sentence_and_its_own_exit_code(
    error: errors.KGTunerError, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    instead(monkeypatch, raising(error))
    assert main(["evaluate", "run"]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "kgtuner: a sentence\n"
    assert main(["evaluate", "run", "--json"]) == code
    assert json.loads(capsys.readouterr().out) == {"error": "a sentence", "exit_code": code}


def test_an_error_cannot_play_tricks_on_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    instead(monkeypatch, raising(errors.DataError("bad name \x1b[2J\nkgtuner: all is well")))
    main(["evaluate", "run"])
    assert capsys.readouterr().err == "kgtuner: bad name \\x1b[2J\\nkgtuner: all is well\n"


def test_a_bug_is_a_sentence_that_says_how_to_see_more(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "log.txt").touch()
    monkeypatch.delenv("KGTUNER_TRACEBACK", raising=False)
    instead(monkeypatch, raising(ZeroDivisionError("division by zero")))
    assert main(["evaluate", str(tmp_path)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "ZeroDivisionError: division by zero" in line
    assert f"the log is {tmp_path / 'log.txt'}" in line
    assert "KGTUNER_TRACEBACK=1" in line
    monkeypatch.setenv("KGTUNER_TRACEBACK", "1")
    assert main(["evaluate", str(tmp_path)]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_interrupting_ends_with_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    instead(monkeypatch, raising(KeyboardInterrupt()))
    assert main(["evaluate", "run"]) == 130
    assert capsys.readouterr().err == "kgtuner: interrupted\n"


def test_json_is_one_object_and_everything_else_goes_to_standard_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def chatty(args: argparse.Namespace) -> Outcome:
        print("a library says hello")
        return outcome({"mrr": 0.5})

    instead(monkeypatch, chatty)
    assert main(["evaluate", "run", "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"mrr": 0.5}
    assert captured.out.count("\n") == 1
    assert "a library says hello" in captured.err


def test_without_json_a_table_is_printed_and_the_outcome_decides_the_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    instead(monkeypatch, lambda args: outcome({}, exit_code=130))
    assert main(["evaluate", "run"]) == 130
    assert capsys.readouterr().out == "a table\n"


def test_json_has_no_numbers_that_json_does_not_know() -> None:
    import numpy as np

    line = json_line(
        {"a": float("nan"), "b": [np.float32(0.5), np.int64(3), float("inf")], "c": Path("x"), 1: (True,)}
    )
    assert json.loads(line) == {"a": None, "b": [0.5, 3, None], "c": "x", "1": [True]}


@pytest.mark.parametrize("options", [["--json"], []])
def test_a_reader_that_goes_away_causes_no_complaint(options: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "kgtuner.cli.main", "datasets", *options]
    result = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert result.returncode == 141
    assert result.stderr == ""


def test_a_narrow_encoding_is_no_reason_to_fail(tmp_path: Path) -> None:
    graph = tmp_path / "graph.tsv"
    graph.write_text(
        "".join(f"Åland\tis\te{i}\ne{i}\tis\tÅland\n" for i in range(20)) + "Åland\tis\tÅland\n",
        encoding="utf-8",
    )
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "kgtuner.cli.main", "datasets", "info", str(graph)]
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert result.stderr == ""
    assert result.returncode == 0
    assert "\\xc5land" in result.stdout


def test_every_command_takes_json() -> None:
    parser = build_parser()
    for arguments in (["tune"], ["train", "g"], ["evaluate", "r"], ["predict", "r"], ["datasets"]):
        assert parser.parse_args([*arguments, "--json"]).json is True
