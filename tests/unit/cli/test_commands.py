"""Each command on a graph of twelve entities, or with the search replaced where that would take too long."""

from __future__ import annotations

import dataclasses
import json
import shlex
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from kgtuner.api import training, tuning
from kgtuner.cli.main import main
from kgtuner.config import Component, TrialConfig
from kgtuner.tuning.events import Note
from kgtuner.tuning.result import TuneResult

CONFIG = """\
model: {name: distmult, dimension: 8}
loss: cross_entropy
training: {mode: one_vs_all, batch_size: 16, max_steps: 20, validate_every: 10}
"""
METRICS = {"mrr", "mean_rank", "hits_at_1", "hits_at_3", "hits_at_10"}


@pytest.fixture(scope="module")
def ring(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve entities in a ring, one of which has a name that would clear the screen."""
    folder = tmp_path_factory.mktemp("data") / "ring"
    folder.mkdir()
    name = [f"e{i}" for i in range(11)] + ["[red]\x1b[2J"]
    lines = [f"{name[i]}\tnext\t{name[(i + 1) % 12]}\n" for i in range(12)]
    skips = [f"{name[i]}\tskip\t{name[(i + 2) % 12]}\n" for i in range(12)]
    (folder / "train.txt").write_text("".join(lines + skips[:8]), encoding="utf-8")
    (folder / "valid.txt").write_text("".join(skips[8:10]), encoding="utf-8")
    (folder / "test.txt").write_text("".join(skips[10:]), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def run(ring: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a short training on the ring."""
    folder = tmp_path_factory.mktemp("runs") / "ring"
    config = folder.with_suffix(".yaml")
    config.write_text(CONFIG)
    assert main(["train", str(ring), "--config", str(config), "--output", str(folder)]) == 0
    return folder


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Default folders are relative to the current one."""
    monkeypatch.chdir(tmp_path)


def told(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


# ---------------------------------------------------------------------- train


def test_train_reports_its_cost_as_json(
    ring: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "small.yaml").write_text(CONFIG)
    assert main(["train", str(ring), "--config", "small.yaml", "--seed", "3", "--json"]) == 0
    captured = capsys.readouterr()
    report = json.loads(captured.out)
    assert report["steps"] == 20
    assert report["seed"] == 3
    assert {"seconds", "triples_per_second", "peak_rss_mb"} <= set(report)
    assert set(report["valid"]) >= METRICS
    assert Path(report["output"]) == Path("runs/ring-small-seed3")
    assert captured.err.count("step ") == 2  # one line a validation


def test_train_ends_with_tables_and_commands_that_can_be_repeated(
    ring: Path, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # The training has ended already, so it is printed and not done again.
    config = run.with_suffix(".yaml")
    assert main(["train", str(ring), "--config", str(config), "--output", str(run)]) == 0
    captured = capsys.readouterr()
    assert "max_steps" in captured.out
    assert "step" not in captured.err
    commands = captured.out.rstrip().splitlines()[-2:]
    assert commands == [
        f"kgtuner evaluate {run} --split test",
        f"kgtuner predict {run} --head e10 --relation skip -k 10",
    ]
    assert all(main(shlex.split(command)[1:]) == 0 for command in commands)


def test_train_without_a_configuration_takes_the_default_of_the_model(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calls: list[Any] = []

    def train(graph: str, **settings: Any) -> Any:
        calls.append((graph, settings))
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "train", train)
    assert main(["train", "world", "--model", "rotate"]) == 130
    ((graph, settings),) = calls
    del settings["on_validation"], settings["on_note"]
    assert (graph, settings) == ("world", {"model": "rotate", "output": "runs/world-rotate-seed0"})


def test_an_interrupted_training_says_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def train(graph: str, *, output: str, **settings: Any) -> Any:
        Path(output).mkdir(parents=True)
        Path(output, "run.json").touch()
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "train", train)
    assert main(["train", "world"]) == 130
    assert "runs/world-complex-seed0 is kept; give the same command again" in capsys.readouterr().err


def test_a_model_beside_a_configuration_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "world", "--config", "a.yaml", "--model", "rotate"]) == 2
    assert "give either --config or --model, not both" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ("model: dismult\nloss: cross_entropy\n", "unknown model 'dismult'. Did you mean 'distmult'?"),
        ("model: distmult\nlos: cross_entropy\n", "unknown section 'los'. Did you mean 'loss'?"),
    ],
)
def test_a_misspelt_configuration_is_one_sentence(
    config: str, sentence: str, ring: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.yaml").write_text(config)
    assert main(["train", str(ring), "--config", "bad.yaml"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert sentence in line


def test_a_broken_triple_is_named_by_file_and_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.tsv").write_text("a\tr\tb\na\tr\n")
    assert main(["train", "./bad.tsv", "--json"]) == 3
    assert "bad.tsv line 2: expected 3" in told(capsys)["error"]


# ---------------------------------------------------------------------- evaluate


def test_evaluate_gives_the_metrics_by_name(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(run), "--json"]) == 0
    report = told(capsys)
    assert report["split"] == "test"
    assert set(report) >= METRICS
    assert set(report["by_direction"]) == {"tail", "head"}
    assert set(report["by_direction"]["tail"]) >= METRICS
    assert report["by_relation"]["skip"]["count"] == 4  # two triples in two directions


def test_evaluate_prints_the_split_it_was_asked_for(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(run), "--split", "valid"]) == 0
    out = capsys.readouterr().out
    assert "Split valid" in out
    assert "Hits@10" in out


def test_a_folder_that_is_no_run_is_exit_code_4(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(tmp_path)]) == 4
    assert "is not a run folder" in capsys.readouterr().err
    assert main(["predict", "nowhere", "--head", "a", "--relation", "b"]) == 4
    assert "nowhere does not exist" in capsys.readouterr().err


# ---------------------------------------------------------------------- predict


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        (["--head", "e0", "--relation", "next"], 11),
        (["--relation", "next", "--tail", "e0"], 11),
        (["--head", "e0", "--tail", "e1"], 1),  # next is known
    ],
)
def test_predict_answers_what_is_left_open(
    question: list[str], expected: int, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", str(run), *question, "-k", "50", "--json"]) == 0
    answers = told(capsys)["predictions"]
    assert len(answers) == expected
    assert [a["score"] for a in answers] == sorted((a["score"] for a in answers), reverse=True)
    assert not any(a["known"] for a in answers)


def test_predict_prints_hostile_names_harmlessly(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(["predict", str(run), "--head", "e0", "--relation", "next", "-k", "12", "--known", "mark"]) == 0
    )
    out = capsys.readouterr().out
    assert "[red]\\x1b[2J" in out
    assert "\x1b" not in out
    assert "in the graph" in out


def test_predict_offers_the_nearest_name(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", str(run), "--head", "e0", "--relation", "nxt"]) == 3
    assert "unknown relation 'nxt' in ring. Did you mean 'next'?" in capsys.readouterr().err


@pytest.mark.parametrize("question", [[], ["--head", "a"], ["--head", "a", "--relation", "b", "--tail", "c"]])
def test_predict_needs_two_of_three(question: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", "run", *question]) == 2
    assert "exactly two of --head, --relation and --tail" in capsys.readouterr().err


# ---------------------------------------------------------------------- tune


def tuned(output: str, stopped_by: str = "budget") -> TuneResult:
    return TuneResult(
        output=Path(output),
        best_config=TrialConfig(model=Component(name="complex"), loss=Component(name="cross_entropy")),
        best_metrics={"mrr": 0.4, "mean_rank": 2.0},
        test=None,
        default_test=None,
        default_metrics=None,
        trials=pd.DataFrame(
            [{"stage": "full", "number": 0, "value": 0.4, "seconds": 1.0, "model.dimension": 8}]
        ),
        stages=[{"stage": "full", "seconds": 3.0, "trials": 1, "failed": 0}],
        seconds=4.0,
        stopped_by=stopped_by,
        metric="mrr",
        peak_rss_mb=100.0,
    )


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """What `tune` is called with, instead of tuning."""
    made: list[tuple[str, dict[str, Any]]] = []

    def tune(graph: str, *, executor: Any, observer: Any, **settings: Any) -> TuneResult:
        made.append((graph, settings if executor is None else {**settings, "executor": executor.describe()}))
        observer.notify(Note("under way"), 1.0, None)
        return tuned(settings["output"])

    monkeypatch.setattr(tuning, "tune", tune)
    return made


def test_tune_passes_on_only_what_was_given(calls: list[tuple[str, dict[str, Any]]]) -> None:
    assert main(["tune", "world", "--budget", "2m"]) == 0
    assert main(["tune", "data/My Graph.tsv.gz", "--model", "complex,rotate", "--trials", "40"]) == 0
    everything = (
        "--model conve --budget 3x --metric hits_at_1 --space s.yaml --seed 7 --output o --device cpu"
    )
    assert main(["tune", "umls", *everything.split(), "--stage-one-share", "0.3", "--threads", "2"]) == 0
    searching = "--algorithm random --max-steps 500 --subgraph-ratio 0.3 --output p"
    assert main(["tune", "umls", "--trials", "4", *searching.split()]) == 0
    assert main(["tune", "umls", "--trials", "4", "--one-stage", "--output", "q"]) == 0
    assert main(["tune", "umls", "--trials", "4", "--workers", "2", "--output", "r"]) == 0
    assert calls == [
        ("world", {"budget": "2m", "output": "runs/world-complex"}),
        (
            "data/My Graph.tsv.gz",
            {"model": "complex,rotate", "trials": 40, "output": "runs/My-Graph-complex-rotate"},
        ),
        (
            "umls",
            {
                "model": "conve", "budget": "3x", "metric": "hits_at_1", "space": "s.yaml", "seed": 7,
                "output": "o", "device": "cpu", "stage_one_share": 0.3, "threads": 2,
            },
        ),
        ("umls", {"trials": 4, "algorithm": "random", "max_steps": 500, "subgraph_ratio": 0.3, "output": "p"}),
        ("umls", {"trials": 4, "two_stages": False, "output": "q"}),
        ("umls", {"trials": 4, "output": "r", "executor": {"name": "local", "workers": 2, "devices": []}}),
    ]  # fmt: skip


def test_tune_shows_progress_on_standard_error_and_the_result_on_standard_output(
    calls: list[tuple[str, dict[str, Any]]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tune", "world", "--budget", "2m"]) == 0
    captured = capsys.readouterr()
    assert captured.err == "[1s] under way\n"
    assert "name: complex" in captured.out
    assert "kgtuner train world --config runs/world-complex/best.yaml" in captured.out


def test_tune_gives_trials_stages_and_places_as_json(
    calls: list[tuple[str, dict[str, Any]]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tune", "world", "--budget", "2m", "--json"]) == 0
    report = told(capsys)
    assert report["trials"] == [
        {"stage": "full", "number": 0, "value": 0.4, "seconds": 1.0, "model.dimension": 8}
    ]
    assert report["stages"] == [{"stage": "full", "seconds": 3.0, "trials": 1, "failed": 0}]
    assert report["output"] == "runs/world-complex"
    assert report["files"] == {}  # none was written here


def test_a_budget_that_cannot_be_read_is_told_before_what_is_in_the_folder(
    calls: list[tuple[str, dict[str, Any]]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "runs" / "world-complex"
    folder.mkdir(parents=True)
    (folder / "photo.jpg").touch()
    assert main(["tune", "world", "--budget", "2y"]) == 2
    assert "2y" in capsys.readouterr().err
    assert not calls


def test_a_folder_that_is_used_is_left_alone(
    calls: list[tuple[str, dict[str, Any]]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "runs" / "world-complex"
    folder.mkdir(parents=True)
    assert main(["tune", "world", "--budget", "2m"]) == 0  # an empty folder is as good as none
    (folder / "models").mkdir()
    (folder / "lock").touch()  # left by a run that was killed as it began
    assert main(["tune", "world", "--budget", "2m"]) == 0
    (folder / "photo.jpg").touch()
    assert main(["tune", "world", "--budget", "2m"]) == 4
    assert "is not a run of KGTuner; choose another --output" in capsys.readouterr().err
    (folder / "run.json").touch()
    assert main(["tune", "world", "--budget", "2m"]) == 4
    assert "kgtuner tune --resume runs/world-complex, or choose another --output" in capsys.readouterr().err
    assert len(calls) == 2


def test_a_tuning_whose_best_could_not_be_ranked_on_test_shows_what_it_found_and_ends_with_5(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    untested = dataclasses.replace(tuned("runs/x"), test_failed="hung: no sign of life")
    monkeypatch.setattr(tuning, "tune", lambda graph, **settings: untested)
    assert main(["tune", "world", "--budget", "2m", "--json"]) == 5
    assert told(capsys)["test_failed"] == "hung: no sign of life"


def test_an_interrupted_tuning_prints_the_best_so_far_and_ends_with_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tuning, "tune", lambda graph, *, output, **settings: tuned(output, "interrupted"))
    assert main(["tune", "world", "--budget", "2m"]) == 130
    out = capsys.readouterr().out
    assert "0.4000" in out
    assert out.rstrip().endswith("kgtuner tune --resume runs/world-complex")
    assert main(["tune", "world", "--budget", "2m", "--json"]) == 130
    assert told(capsys)["stopped_by"] == "interrupted"


def test_resume_goes_on_with_the_run_and_its_metric(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run.json").write_text('{"format": 1, "settings": {"metric": "mean_rank"}}')
    asked = []

    def resume(output: str, *, executor: Any, observer: Any) -> TuneResult:
        from kgtuner.tuning.events import TrialEnded

        assert executor is None  # one like that with which the run began
        asked.append(output)
        observer.notify(TrialEnded("full", 0, -12.0, None, 1.0, True), 1.0, None)
        return tuned(output)

    monkeypatch.setattr(tuning, "resume", resume)
    assert main(["tune", "--resume", str(tmp_path)]) == 0
    assert asked == [str(tmp_path)]
    assert "mean rank 12.0" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--resume", "r", "--budget", "2m", "--seed", "1"], "leave out --budget, --seed"),
        (["--resume", "r", "--one-stage", "--max-steps", "9"], "leave out --one-stage, --max-steps"),
        (["world", "--resume", "r"], "leave out the graph"),
        ([], "a graph to tune on is missing"),
    ],
)
def test_tune_needs_a_graph_or_a_run(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tune", *arguments]) == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["world"], 2, "give either a budget"),
        (["world", "--budget", "soon"], 2, "cannot read the budget 'soon'"),
        (["world", "--budget", "2m", "--model", "complx"], 2, "Did you mean 'complex'?"),
        (["world", "--budget", "2m", "--metric", "mr"], 2, "unknown metric 'mr'"),
        (["world", "--budget", "2m", "--space", "reducd"], 2, "Did you mean 'reduced'?"),
        (["world", "--budget", "2m", "--algorithm", "randm"], 2, "Did you mean 'random'?"),
        (["world", "--budget", "2m", "--max-steps", "0"], 2, "whole number of at least 1, got '0'"),
        (["world", "--budget", "2m", "--subgraph-ratio", "1.5"], 2, "between 0 and 1, got '1.5'"),
        (
            ["world", "--budget", "2m", "--one-stage", "--stage-one-share", "0.3", "--subgraph-ratio", "0.3"],
            2,
            "--one-stage has no first stage: leave out --stage-one-share, --subgraph-ratio",
        ),
        (["worl", "--budget", "2m"], 2, "Did you mean 'world'?"),
        (["./no/folder", "--budget", "2m"], 3, "no such file or folder: ./no/folder"),
    ],
)
def test_tune_refuses_before_anything_is_started(
    arguments: list[str], code: int, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tune", *arguments]) == code
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


# ---------------------------------------------------------------------- datasets


def test_all_data_sets_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    from kgtuner.graph.catalog import DATASETS

    assert main(["datasets", "list", "--json"]) == 0
    listed = {entry["name"]: entry for entry in told(capsys)["datasets"]}
    assert list(listed) == list(DATASETS)
    assert listed["world"]["found_in"] is not None
    assert listed["wn18rr"]["train"] == 86_835
    assert main(["datasets"]) == 0
    assert "86,835" in capsys.readouterr().out


def test_a_graph_of_ones_own_is_looked_into(ring: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["datasets", "info", str(ring), "--json"]) == 0
    report = told(capsys)
    assert report["card"] is None
    assert report["statistics"]["entities"] == 12
    assert report["findings"] == []
    assert main(["datasets", "info", str(ring)]) == 0
    assert "nothing questionable" in capsys.readouterr().out


def test_a_data_set_is_shown_with_licence_statistics_and_findings(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["datasets", "info", "world"]) == 0
    out = capsys.readouterr().out
    assert "CC BY 4.0 (GeoNames)" in out
    assert "31,237" in out
    assert "are there in both directions" in out


def test_a_data_set_that_is_not_here_is_not_fetched_unasked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KGTUNER_CACHE", str(tmp_path))
    monkeypatch.delenv("KGTUNER_DATA", raising=False)
    assert main(["datasets", "info", "wn18rr", "--json"]) == 0
    report = told(capsys)
    assert report["card"]["counts"]["train"] == 86_835
    assert report["statistics"] is None


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["info"], "a name is missing"),
        (["list", "world"], "list takes no name"),
        (["info", "worl"], "'world'"),
    ],
)
def test_datasets_says_what_it_needs(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["datasets", *arguments]) == 2
    assert sentence in capsys.readouterr().err
