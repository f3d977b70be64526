"""Real runs on a toy graph, watched by all kinds of observers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kgtuner as kt
from kgtuner.execution.storage import RESULT, TrialStore
from kgtuner.tracking import tracker
from kgtuner.tracking.events_file import read_events
from kgtuner.tuning.events import Event, Note, RunEnded, RunStarted, TrialProgress, TrialStarted


def ring(n: int = 60) -> kt.KnowledgeGraph:
    """Entities on a ring, linked by four fixed distances in both directions."""
    entity = np.arange(n)
    steps = (1, -1, 2, -2, 3, -3, 5, -5)
    parts = [np.column_stack([entity, np.full(n, r), (entity + step) % n]) for r, step in enumerate(steps)]
    return kt.KnowledgeGraph.from_arrays(np.concatenate(parts), name="ring", seed=0)


class Watching:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def notify(self, event: Event, elapsed: float, remaining: float | None) -> None:
        self.events.append(event)


class Broken:
    def notify(self, event: Event, elapsed: float, remaining: float | None) -> None:
        if isinstance(event, TrialProgress):
            raise ConnectionError("the server is gone")


class StopsAtTheSecondTrial:
    def notify(self, event: Event, elapsed: float, remaining: float | None) -> None:
        if isinstance(event, TrialStarted) and event.number == 1:
            raise KeyboardInterrupt


def tune(output: Path, **options: Any) -> Any:
    space = output.parent / "small.yaml"
    space.write_text("base: reduced\nparameters: {model.dimension: 16, negatives.num_negatives: 32}\n")
    options = {"trials": 2, "max_steps": 20, "threads": 1, "model": "distmult", "space": space} | options
    return kt.tune(ring(), output=output, **options)


def curves(output: Path) -> list[tuple[int, int, float, float]]:
    """What the trainings themselves reported: trial, step, metric, loss."""
    store = TrialStore(output / "study.sqlite")
    try:
        return [
            (trial.number, point["step"], point["metric"], point["loss"])
            for trial in store.trials("full")
            for point in trial.user_attrs[RESULT]["curve"]
        ]
    finally:
        store.close()


def test_a_broken_observer_costs_a_note_and_all_curves_are_in_the_table(tmp_path: Path) -> None:
    result = tune(tmp_path / "run", observer=[Broken(), watching := Watching()])
    assert result.stopped_by == "trials"
    assert result.trials.value.notna().tolist() == [True, True]
    said = [event.message for event in watching.events if isinstance(event, Note)]
    assert said[-1] == (
        "Broken failed and is told no more; the run goes on (ConnectionError: the server is gone)"
    )
    first, last = watching.events[0], watching.events[-1]
    assert isinstance(first, RunStarted)
    assert (first.graph, first.output, first.resumed) == ("ring", tmp_path / "run", False)
    assert isinstance(last, RunEnded)
    assert last.test == pytest.approx({name: getattr(result.test.overall, name) for name in last.test or {}})
    events = read_events(tmp_path / "run" / "events.csv")
    rows = events[events.event == "validation"]
    found = list(zip(rows.trial, rows.step, rows.metric, rows.loss, strict=True))
    assert found == curves(tmp_path / "run")
    assert events.event.iloc[-1] == "run_ended"


@pytest.mark.slow
def test_a_resumed_run_appends_to_its_table(tmp_path: Path) -> None:
    result = tune(tmp_path / "run", observer=StopsAtTheSecondTrial())
    assert result.stopped_by == "interrupted"
    with open(tmp_path / "run" / "events.csv", "a") as file:
        file.write("validation,full,0,")  # as a kill might leave it
    kt.resume(tmp_path / "run")
    events = read_events(tmp_path / "run" / "events.csv")
    outer = events[events.event.isin(["run_started", "run_ended"])]
    assert outer.text.tolist() == ["ring, mrr", "interrupted", "ring, mrr, resumed", "trials"]


@pytest.mark.peer
@pytest.mark.filterwarnings("ignore")  # the peers' own warnings are not ours
def test_tensorboard_and_mlflow_read_back_what_a_run_told_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard comes with kgtuner[tensorboard]")
    mlflow = pytest.importorskip("mlflow", reason="MLflow comes with kgtuner[mlflow]")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    result = tune(
        tmp_path / "run", observer=[tracker("tensorboard:tb"), tracker("mlflow:sqlite:///mlflow.db")]
    )
    client = mlflow.MlflowClient("sqlite:///mlflow.db")
    experiment = client.get_experiment_by_name("kgtuner")
    runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    assert set(runs) == {"run", "full 0", "full 1"}
    assert runs["run"].data.metrics["test_mrr"] == result.test.overall.mrr
    for number in (0, 1):
        measured = [(step, metric) for trial, step, metric, _ in curves(tmp_path / "run") if trial == number]
        kept = client.get_metric_history(runs[f"full {number}"].info.run_id, "mrr")
        assert sorted((point.step, point.value) for point in kept) == measured
        board = EventAccumulator(f"tb/run/full-{number}").Reload().Scalars("metric/mrr")
        assert [point.step for point in board] == [step for step, _ in measured]
        assert [point.value for point in board] == pytest.approx([value for _, value in measured])  # float32
        assert runs[f"full {number}"].data.params["model.name"] == "distmult"
