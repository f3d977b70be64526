"""A run under way: what it takes up, what it writes, and what it keeps from the display."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from optuna.trial import create_trial

import kgtuner as kt
from kgtuner import experiment
from kgtuner.config import TrialConfig
from kgtuner.defaults import default_config, default_for
from kgtuner.errors import RunError, WorkerDied
from kgtuner.execution.executor import Job
from kgtuner.execution.inprocess import InProcess
from kgtuner.execution.storage import RESULT, requeue_interrupted
from kgtuner.execution.tasks import Failed, Resources, Task
from kgtuner.search.asking import ask
from kgtuner.search.samplers import SAMPLERS
from kgtuner.space.loading import load_space
from kgtuner.tuning import memory_left
from kgtuner.tuning.budget import Budget
from kgtuner.tuning.events import Event, Note, TrialEnded
from kgtuner.tuning.raising import GraphSize, estimated_bytes
from kgtuner.tuning.result import stage_summaries, trial_table
from kgtuner.tuning.run_folder import RunFolder
from kgtuner.tuning.running import TuningRun
from kgtuner.tuning.settings import TuneSettings
from kgtuner.tuning.trials import observed
from kgtuner.tuning.under_way import StagePlan

SIZE = GraphSize(6, 1, 6)
SETTINGS = TuneSettings(models=("complex",), budget=Budget(trials=4))
STATE = {
    "elapsed": 3.0,
    "stage_seconds": {"subgraph": 2.5},
    "budget_seconds": None,
    "peak_rss_mb": 10.0,
    "full_training_seconds": 0.0,
}


class Watching:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def notify(self, event: Event, elapsed: float, remaining: float | None) -> None:
        self.events.append(event)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path / "run")
    folder.create()
    return folder


@pytest.fixture
def run(folder: RunFolder) -> Iterator[TuningRun]:
    run = TuningRun(folder, SETTINGS, Watching(), clock=lambda: 0.0)
    yield run
    run.close(kill=True)


def study_of(run: TuningRun) -> Any:
    return run.store.study("full", SAMPLERS["random"](load_space("broad", ["complex"]), seed=0))


def test_a_run_goes_on_with_the_budget_it_had_used(folder: RunFolder) -> None:
    folder.write("state.json", STATE)
    run = TuningRun(folder, SETTINGS, Watching(), clock=lambda: 7.0)
    run.save_state(force=True)
    run.close(kill=True)
    assert run.elapsed == 3.0
    assert folder.read("state.json") == STATE


@pytest.mark.parametrize(
    "state",
    [
        {"elapsed": 3},
        STATE | {"elapsed": None},
        STATE | {"elapsed": "soon"},
        STATE | {"elapsed": -1},
        STATE | {"elapsed": float("nan")},
        STATE | {"stage_seconds": 3},
        STATE | {"stage_seconds": {"full": []}},
        STATE | {"budget_seconds": {}},
    ],
)
def test_a_damaged_state_is_one_sentence(state: dict[str, Any], folder: RunFolder) -> None:
    folder.write("state.json", state)
    with pytest.raises(RunError, match=r"state\.json is damaged \(.*\); restore it or start a new run$"):
        TuningRun(folder, SETTINGS, Watching())


def test_a_log_that_cannot_be_written_is_one_sentence(run: TuningRun) -> None:
    run.folder.log.mkdir()
    with pytest.raises(RunError, match=r"cannot write .*log\.txt: Is a directory; make it writable"):
        run.note("hello")


def test_a_traceback_of_the_worker_goes_to_the_log_and_not_to_the_display(
    run: TuningRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = Job(None, Resources())  # type: ignore[arg-type]
    bug = Failed("", "Traceback (most recent call last): in line 7\nValueError: seven")
    monkeypatch.setattr(run.executor, "submit", lambda task, resources: job)
    monkeypatch.setattr(run.executor, "wait", lambda seconds: [(job, bug)])
    study = study_of(run)
    plan = StagePlan("full", run.folder.graph, None, 4, 1, GraphSize(6, 1, 6))
    assert run.train(plan, study, study.ask(), default_config("complex")) is None
    assert isinstance(run.observer, Watching)
    assert isinstance(run.observer.events[-1], TrialEnded)
    assert "Traceback" not in str(run.observer.events)
    assert "Traceback (most recent call last): in line 7" in run.folder.log.read_text()


def handed_out(run: TuningRun, monkeypatch: pytest.MonkeyPatch, answer: Callable[[], Failed]) -> list[Any]:
    """The tasks that the run hands out from now on; each ends with what is answered."""
    tasks: list[Any] = []

    def submit(task: Any, resources: Resources) -> Job:
        tasks.append(task)
        return Job(task, resources)

    monkeypatch.setattr(run.executor, "submit", submit)
    monkeypatch.setattr(run.executor, "wait", lambda seconds: [(run.under_way[0].job, answer())])
    return tasks


def test_a_search_sees_the_batch_size_that_was_trained_with(
    run: TuningRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [Failed("OutOfMemory", "it is full"), Failed("Diverged", "NaN")]
    tasks = handed_out(run, monkeypatch, lambda: answers.pop(0))
    space = load_space("full", ["conve"])  # which normalises over its batch, so that the batch is halved
    study = run.store.study("full", SAMPLERS["random"](space, seed=0))
    trial, assignment = ask(study, space)
    batch = assignment["training.batch_size"]
    plan = StagePlan("full", run.folder.graph, None, 4, 1, SIZE)
    assert run.train(plan, study, trial, TrialConfig.from_flat(assignment)) is None
    assert [task.config["training"]["batch_size"] for task in tasks] == [batch, batch // 2]
    place = [parameter.name for parameter in space.codes.parameters].index("training.batch_size")
    assert observed(run, space, "full", 0).codes[:, place].tolist() == [batch // 2]
    study.ask()
    first, second = run.store.trials("full")
    seen = study.sampler._observations(study, second, space, given=True)
    assert seen.codes[:, place].tolist() == [batch // 2]
    assert first.params["training.batch_size"] == batch  # what was asked for stays on record


def test_a_trial_whose_batch_was_halved_before_a_kill_goes_on_with_the_half(
    run: TuningRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    entity = np.arange(60)
    parts = [np.column_stack([entity, np.full(60, r), (entity + step) % 60]) for r, step in enumerate((1, 7))]
    graph = kt.KnowledgeGraph.from_arrays(np.concatenate(parts), name="ring", seed=0, leaks="keep")
    graph.save(run.folder.graph)
    space = load_space("full", ["complex"])
    study = run.store.study("full", SAMPLERS["random"](space, seed=0))
    trial, assignment = ask(study, space)
    batch = assignment["training.batch_size"]
    small = {"model.dimension": 8, "training.mode": "negative_sampling", "loss.name": "cross_entropy"}
    config = TrialConfig.from_flat(assignment).updated(small).limited(max_steps=4, validate_every=2)
    half = config.updated({"training.batch_size": batch // 2})
    checkpoint = run.checkpoint_path(trial)
    experiment.run(half, graph, seed=0, checkpoint=checkpoint)  # and killed before its end was kept
    requeue_interrupted(study)
    trial, again = ask(study, space)
    assert again == assignment
    assert run.checkpoint_path(trial) == checkpoint
    run.executor = InProcess()
    plan = StagePlan("full", run.folder.graph, None, 4, 1, SIZE)
    result = run.train(plan, study, trial, config, run.checkpoint_path(trial))
    assert result is not None
    assert result["config"]["training"]["batch_size"] == batch // 2
    place = [parameter.name for parameter in space.codes.parameters].index("training.batch_size")
    assert observed(run, space, "full", 0).codes[:, place].tolist() == [batch // 2]


def test_a_trial_that_ran_out_of_memory_is_made_again_with_as_many_queries_at_a_time(
    run: TuningRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = handed_out(run, monkeypatch, lambda: Failed("OutOfMemory", "it is full"))
    study = run.store.study("full", SAMPLERS["random"](load_space("full", ["complex"]), seed=0))
    plan = StagePlan("full", run.folder.graph, None, 4, 1, SIZE)
    config = default_config("complex").updated({"training.batch_size": 512})
    assert run.train(plan, study, study.ask(), config) is None
    assert [task.config["training"]["queries_at_once"] for task in tasks] == [None, 256, 128]
    (first,) = run.store.trials("full")
    study.enqueue_trial({}, user_attrs=dict(first.user_attrs))  # as a trial that a kill cut off is
    assert run.train(plan, study, study.ask(), config) is None
    assert tasks[3].config["training"]["queries_at_once"] == 128


def test_a_trial_that_does_not_fit_as_a_whole_is_trained_in_parts_and_says_so(
    run: TuningRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = handed_out(run, monkeypatch, lambda: Failed("Diverged", "NaN"))
    study = run.store.study("full", SAMPLERS["random"](load_space("full", ["rescal"]), seed=0))
    plan = StagePlan("full", run.folder.graph, None, 4, 1, SIZE)
    large = default_config("rescal").updated({"model.dimension": 200, "training.batch_size": 512})
    for share, expected in ((2.0, None), (0.5, 128)):  # of what it needs as a whole; a tenth stays free
        free = share * estimated_bytes(large, SIZE)
        monkeypatch.setattr(memory_left.MemoryLeft, "free", lambda self, free=free: free)
        assert run.train(plan, study, study.ask(), large) is None
        assert tasks[-1].config["training"]["queries_at_once"] == expected
    assert isinstance(run.observer, Watching)
    notes = [event.message for event in run.observer.events if isinstance(event, Note)]
    assert notes == [
        "Trial 1 is trained with its gradient computed for 128 of a batch's 512 queries at a time, to fit into memory."
    ]


def test_a_gpu_that_is_too_small_for_the_tables_fetches_them_and_says_so(
    run: TuningRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing here needs a GPU: the worker is a fake, and its memory is given."""
    large = GraphSize(2_000_000, 10, 1_000_000)
    free = {"cuda": 5e8, "cpu": 20e9}
    monkeypatch.setattr(memory_left, "free_memory", lambda device, **given: free[device])
    run.settings = replace(SETTINGS, device="cuda")
    tasks = handed_out(run, monkeypatch, lambda: Failed("Diverged", "NaN"))
    study = study_of(run)
    plan = StagePlan("full", run.folder.graph, None, 4, 1, large)
    config = default_for("complex", large.entities, all_entities=False)
    assert estimated_bytes(config, large) > 0.9 * free["cuda"]
    for host, expected in ((20e9, ["host"]), (1e9, [])):  # the second has no place for them either
        tasks.clear()
        free["cpu"] = host
        assert run.train(plan, study, study.ask(), config) is None
        assert [task.config["training"]["tables_on"] for task in tasks] == expected
    assert isinstance(run.observer, Watching)
    notes = [event.message for event in run.observer.events if isinstance(event, Note)]
    assert notes[0] == (
        "Trial 0 is trained with its tables on the host, of which the GPU fetches the rows of each batch, to fit into "
        "memory."
    )


def test_a_trial_that_was_cut_off_is_no_failure(run: TuningRun) -> None:
    study = study_of(run)
    study.ask()
    requeue_interrupted(study)
    assert stage_summaries(run.store, {"full": 1.0}) == [
        {"stage": "full", "seconds": 1.0, "trials": 0, "failed": 0}
    ]
    assert trial_table(run.store, 0.2)["state"].tolist() == ["interrupted"]


@pytest.mark.parametrize("deaths", [2, 3])
def test_a_ranking_whose_worker_dies_is_begun_three_times_at_most(
    run: TuningRun, monkeypatch: pytest.MonkeyPatch, deaths: int
) -> None:
    begun: list[Task] = []

    def dies_at_first(task: Task, resources: Resources, **_: Any) -> dict[str, Any]:
        begun.append(task)
        if len(begun) <= deaths:
            raise WorkerDied("killed")
        return {"mrr": 0.5}

    monkeypatch.setattr(run.executor, "run", dies_at_first)
    trial = create_trial(value=0.5, user_attrs={RESULT: {"config": {}}})
    if deaths < 3:
        assert run.evaluate(trial, "test") == {"mrr": 0.5}
    else:
        with pytest.raises(WorkerDied):
            run.evaluate(trial, "test")
    assert len(begun) == 3


def test_the_best_configuration_says_how_long_it_was_trained_and_has_no_limit(run: TuningRun) -> None:
    study = study_of(run)
    trial = study.ask()
    config = default_config("complex").limited(
        max_seconds=0.8, validate_every_seconds=0.1, max_valid_triples=9
    )
    result = {"seconds": 0.84, "steps": 120, "config": config.to_mapping()}
    trial.set_user_attr(RESULT, json.loads(json.dumps(result)))
    study.tell(trial, 0.5)
    run.publish_best(study.best_trial)
    text = run.folder.best_config.read_text()
    assert "# Found in a trial of 0.8 s and 120 steps; its limits are left out here.\n" in text
    for limit in ("max_seconds", "validate_every_seconds", "max_valid_triples"):
        assert re.search(f"{limit}: (null|None)", text) or limit not in text
