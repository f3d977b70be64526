"""Tuning end to end on a small made-up graph: both stages, interruption, resumption, failure."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kgtuner as kt
from kgtuner.config import TrainingConfig
from kgtuner.errors import ConfigError, RunError
from kgtuner.tuning.events import Event, Note, RunStarted, TrialEnded, TrialProgress, TrialStarted
from kgtuner.tuning.found import TRIAL_LIMITS
from kgtuner.tuning.result import TuneResult
from kgtuner.tuning.running import TuningRun

STEPS = 60
STEPS_APART = (1, -1, 2, -2, 3, -3, 5, -5, 7, -7)


def ring(n: int = 2000, seed: int = 0) -> kt.KnowledgeGraph:
    """Entities on a ring, linked by four fixed distances in both directions: learnable and connected."""
    entity = np.arange(n)
    parts = [
        np.column_stack([entity, np.full(n, r), (entity + step) % n]) for r, step in enumerate(STEPS_APART)
    ]
    return kt.KnowledgeGraph.from_arrays(np.concatenate(parts), name="ring", seed=seed)


class Watching:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def notify(self, event: Event, elapsed: float, remaining: float | None) -> None:
        self.events.append(event)


def tune(graph: kt.KnowledgeGraph, output: Path, **options: Any) -> TuneResult:
    output.parent.mkdir(parents=True, exist_ok=True)
    space = output.parent / "small.yaml"
    space.write_text(
        "base: reduced\nparameters: {model.dimension: 16, negatives.num_negatives: 32, "
        "optimizer.learning_rate: {low: 1e-3, high: 1e-1}}\n"
    )
    options = {"trials": 8, "max_steps": STEPS, "threads": 1, "model": "distmult", "space": space} | options
    return kt.tune(graph, output=output, **options)


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> Any:
    watching = Watching()
    result = tune(ring(), tmp_path_factory.mktemp("runs") / "run", observer=watching)
    return result, watching


def test_both_stages_run_and_the_default_is_the_first_full_graph_trial(tuned: Any) -> None:
    result, _ = tuned
    assert {stage["stage"]: stage["trials"] for stage in result.stages} == {"subgraph": 4, "full": 4}
    full = result.trials[result.trials.stage == "full"]
    assert full.default.tolist() == [True, False, False, False]
    assert result.best_metrics["mrr"] == pytest.approx(full.value.max())
    assert result.stopped_by == "trials"


def test_stage_one_begins_with_the_default_configuration_where_the_space_has_it(tmp_path: Path) -> None:
    result = tune(ring(), tmp_path / "run", trials=3, space="broad", model="complex", max_steps=4)
    first = result.trials[result.trials.stage == "subgraph"].iloc[0]
    assert (first["optimizer.name"], first["optimizer.learning_rate"]) == ("adagrad", 0.1)
    assert (first["loss.name"], first["regularizer.weight"]) == ("cross_entropy", 0.02)
    assert first["model.dimension"] == 100


def test_test_metrics_are_those_of_the_saved_model(tuned: Any) -> None:
    result, _ = tuned
    assert kt.evaluate(result.output).overall.mrr == pytest.approx(result.test.overall.mrr, abs=1e-6)
    again = kt.load_run(result.output)
    assert again.test == result.test
    assert again.trials.shape == result.trials.shape


def test_the_best_configuration_has_no_limit_of_the_trial_that_found_it(tuned: Any) -> None:
    result, _ = tuned
    text = (result.output / "best.yaml").read_text()
    assert re.search(rf"^# Found in a trial of [0-9.]+ s and {STEPS} steps;", text, re.MULTILINE)
    for config in (kt.TrialConfig.load(result.output / "best.yaml"), kt.load_run(result.output).best_config):
        assert config == result.best_config
        found = {name: getattr(config.training, name) for name in TRIAL_LIMITS}
        assert found == {name: getattr(TrainingConfig(), name) for name in TRIAL_LIMITS}


def test_the_best_configuration_trains_again_to_the_same_validation(tuned: Any) -> None:
    result, _ = tuned
    graph = kt.KnowledgeGraph.load(result.output / "graph")
    limits = {"max_steps": STEPS, "validate_every": STEPS // 10, "max_valid_triples": 1000}
    run = kt.train(graph, result.best_config.limited(**limits), seed=0, threads=1)
    assert run.report["valid"]["mrr"] == pytest.approx(result.best_metrics["mrr"], abs=1e-4)


@pytest.mark.slow
def test_same_seed_gives_the_same_trials(tuned: Any, tmp_path: Path) -> None:
    result, _ = tuned
    again = tune(ring(), tmp_path / "run")
    columns = ["stage", "number", "value", "optimizer.learning_rate", "loss.name"]
    assert again.trials[columns].equals(result.trials[columns])


def test_an_existing_run_is_not_overwritten(tuned: Any) -> None:
    result, _ = tuned
    with pytest.raises(RunError, match="holds a run already; go on with it by: kgtuner tune --resume"):
        tune(ring(), result.output)


def test_a_finished_run_resumes_to_its_own_result(tuned: Any) -> None:
    result, _ = tuned
    assert kt.resume(result.output).test == result.test


def test_a_graph_too_small_for_a_subgraph_goes_straight_to_one_stage_and_says_so(tmp_path: Path) -> None:
    watching = Watching()
    result = tune(ring(60), tmp_path / "run", trials=3, observer=watching)
    assert [stage["stage"] for stage in result.stages] == ["full"]
    assert any(isinstance(e, Note) and "One stage on the full graph" in e.message for e in watching.events)


@pytest.mark.slow
def test_several_models_share_one_search(tmp_path: Path) -> None:
    result = tune(ring(), tmp_path / "run", model="distmult,complex", trials=8)
    assert result.best_config.model.name in ("distmult", "complex")


def test_ctrl_c_keeps_the_best_so_far_and_resume_goes_on(tmp_path: Path) -> None:
    class Impatient(Watching):
        def notify(self, event: Event, elapsed: float, remaining: float | None) -> None:
            super().notify(event, elapsed, remaining)
            if isinstance(event, TrialStarted) and event.stage == "full" and event.number == 1:
                raise KeyboardInterrupt

    result = tune(ring(), tmp_path / "run", observer=Impatient())
    assert result.stopped_by == "interrupted"
    assert result.test is None
    assert (tmp_path / "run" / "best.yaml").exists()
    finished = kt.resume(tmp_path / "run")
    assert finished.stopped_by == "trials"
    values = finished.trials.dropna(subset="value")
    assert (values.stage == "full").sum() == 4
    assert (values.stage == "subgraph").sum() == 4


class StopsAtTheSecondFullTrial(Watching):
    def notify(self, event: Event, elapsed: float, remaining: float | None) -> None:
        super().notify(event, elapsed, remaining)
        if isinstance(event, TrialStarted) and event.stage == "full" and event.number == 1:
            raise KeyboardInterrupt


@pytest.mark.slow
def test_resuming_needs_neither_the_file_of_the_space_nor_takes_another_graph(tmp_path: Path) -> None:
    run = tmp_path / "run"
    tune(ring(), run, trials=4, max_steps=10, observer=StopsAtTheSecondFullTrial())
    space = tmp_path / "small.yaml"
    assert (run / "space.yaml").read_text() == space.read_text()
    space.write_text("base: nowhere\n")
    os.rename(run / "graph", tmp_path / "graph")
    ring(seed=1).save(run / "graph")
    with pytest.raises(RunError, match="is not the graph that the run in .* began with; restore it"):
        kt.resume(run)
    shutil.rmtree(run / "graph")
    os.rename(tmp_path / "graph", run / "graph")
    moved = run.rename(tmp_path / "moved")
    space.unlink()
    finished = kt.resume(moved)
    assert finished.stopped_by == "trials"
    found = finished.trials[~finished.trials["default"]]
    assert set(found["model.dimension"].dropna()) == {16}
    (moved / "results.json").unlink()
    (moved / "space.yaml").unlink()
    with pytest.raises(RunError, match=r"space\.yaml, the copy of .*small\.yaml, is missing"):
        kt.resume(moved)


def test_a_failure_on_test_leaves_the_best_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*args: Any) -> Any:
        raise RunError("the disk is full")

    monkeypatch.setattr(TuningRun, "evaluate", fails)
    with pytest.raises(RunError, match="the disk is full"):
        tune(ring(60), tmp_path / "run", trials=2, max_steps=5)
    assert kt.TrialConfig.load(tmp_path / "run" / "best.yaml").model.name == "distmult"
    assert (tmp_path / "run" / "best.safetensors").exists()


def test_problems_of_the_graph_are_told_first(tmp_path: Path) -> None:
    clean = ring(60)
    leaky = kt.KnowledgeGraph.from_arrays(clean.train, clean.valid, clean.train[:3], name="leaky")
    tune(leaky, tmp_path / "run", trials=2, max_steps=5, observer=(watching := Watching()))
    started, told, *_ = watching.events
    assert isinstance(started, RunStarted)
    assert told == Note("leaky: test shares 3 triples with train")


@pytest.mark.slow
def test_a_killed_coordinator_loses_no_finished_trial(tmp_path: Path) -> None:
    script = (
        "import sys; sys.path.insert(0, sys.argv[2])\n"
        "from test_tuning import ring, tune\n"
        "from pathlib import Path\n"
        "if __name__ == '__main__':\n    tune(ring(), Path(sys.argv[1]), trials=10)\n"
    )
    output = tmp_path / "run"
    (tmp_path / "go.py").write_text(script)
    process = subprocess.Popen([sys.executable, tmp_path / "go.py", str(output), str(Path(__file__).parent)])
    log = output / "log.txt"
    deadline = time.monotonic() + 60
    while not (log.exists() and log.read_text().count("TrialEnded") >= 3):
        assert process.poll() is None, "the run ended too early to be killed"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    before = log.read_text().count("TrialEnded")
    result = kt.resume(output)
    finished = result.trials.dropna(subset="value")
    assert len(finished) == 10
    assert before >= 3
    assert finished[finished.stage == "subgraph"].number.tolist()[:3] == [0, 1, 2]


@pytest.mark.slow
def test_two_workers_make_the_same_number_of_trials_and_never_the_same_twice(tmp_path: Path) -> None:
    result = tune(ring(), tmp_path / "run", executor=kt.Local(workers=2))
    assert {stage["stage"]: stage["trials"] for stage in result.stages} == {"subgraph": 4, "full": 4}
    chosen = [name for name in result.trials.columns if "." in name]
    first = result.trials[result.trials.stage == "subgraph"][chosen]
    assert not first.duplicated().any()
    assert json.loads((result.output / "run.json").read_text())["executor"]["workers"] == 2
    assert kt.evaluate(result.output).overall.mrr == pytest.approx(result.test.overall.mrr, abs=1e-6)


@pytest.mark.slow
def test_training_in_this_process_gives_the_same_trials(tuned: Any, tmp_path: Path) -> None:
    result, _ = tuned
    again = tune(ring(), tmp_path / "run", executor=kt.InProcess())
    columns = ["stage", "number", "value", "optimizer.learning_rate", "loss.name"]
    assert again.trials[columns].equals(result.trials[columns])
    assert again.test == result.test


class Killer(Watching):
    """Kills the worker of one trial whenever it has validated, so many times."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.left = times

    def notify(self, event: Event, elapsed: float, remaining: float | None) -> None:
        super().notify(event, elapsed, remaining)
        if isinstance(event, TrialProgress) and (event.stage, event.number) == ("subgraph", 1) and self.left:
            self.left -= 1
            (worker,) = (slot for slot in self.executor.health() if slot.busy)
            assert worker.pid is not None
            with suppress(ProcessLookupError):
                os.kill(worker.pid, signal.SIGKILL)

    executor: kt.Local


def killed(output: Path, times: int) -> tuple[TuneResult, Killer]:
    watching = Killer(times)
    watching.executor = kt.Local()
    # Long enough that a worker cannot have ended before the first validation is heard of.
    result = tune(ring(), output, trials=3, max_steps=3_000, observer=watching, executor=watching.executor)
    return result, watching


@pytest.mark.slow
def test_a_killed_worker_costs_no_trial(tmp_path: Path) -> None:
    result, watching = killed(tmp_path / "run", 1)
    notes = [e.message for e in watching.events if isinstance(e, Note)]
    assert any(n.startswith("Trial 1 runs again (try 2): the worker was killed (signal 9)") for n in notes)
    assert result.trials["reason"].isna().all()


@pytest.mark.slow
def test_a_trial_whose_worker_is_killed_three_times_has_failed_and_the_run_goes_on(tmp_path: Path) -> None:
    result, watching = killed(tmp_path / "run", 99)
    failed = [e for e in watching.events if isinstance(e, TrialEnded) and e.value is None]
    assert [(e.stage, e.number) for e in failed] == [("subgraph", 1)]
    assert failed[0].reason is not None
    assert failed[0].reason.startswith("worker died: the worker was killed (signal 9)")
    assert watching.left == 99 - 3
    assert result.test is not None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "dismult"}, "unknown model 'dismult'. Did you mean 'distmult'?"),
        ({"metric": "mmr"}, "unknown metric 'mmr'. Did you mean 'mrr'?"),
        ({"algorithm": "rf_bor"}, "unknown algorithm 'rf_bor'. Did you mean 'rf_bore'?"),
        ({"space": "ful"}, "unknown space 'ful'. Did you mean 'full'?"),
        ({"budget": "2 weeks", "trials": None}, "cannot read the budget '2 weeks'"),
    ],
)
def test_a_misspelt_setting_is_refused_before_anything_starts(
    tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        tune(ring(60), tmp_path / "run", **options)
    assert message in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_a_damaged_run_folder_is_refused_with_one_sentence(tuned: Any, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    with pytest.raises(RunError, match="is not a run folder"):
        kt.resume(folder)
    (folder / "run.json").write_text("{")
    with pytest.raises(RunError, match=r"run\.json is damaged"):
        kt.resume(folder)
    run = json.loads((tuned[0].output / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(run))
    shutil.copytree(tuned[0].output / "graph", folder / "graph")
    shutil.copy(tuned[0].output / "space.yaml", folder)
    (folder / "study.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises(RunError, match=r"study\.sqlite is damaged"):
        kt.resume(folder)


def test_a_model_of_another_graph_is_refused(tuned: Any, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(tuned[0].output, folder)
    shutil.rmtree(folder / "graph")
    ring(2000, seed=1).save(folder / "graph")
    with pytest.raises(RunError, match="trained on another graph"):
        kt.evaluate(folder)
