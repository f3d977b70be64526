"""The public functions where no search is needed: what they refuse, and what they leave as it was."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import kgtuner as kt
from kgtuner.api import training
from kgtuner.errors import ConfigError, OutOfMemory, RunError
from kgtuner.tracking.events_file import read_events
from kgtuner.tuning.events import Event, Note, RunEnded
from kgtuner.tuning.memory_plan import size_of
from kgtuner.tuning.raising import estimated_bytes

CONFIG = kt.TrialConfig.from_mapping(
    {
        "model": {"name": "distmult", "dimension": 4},
        "loss": "cross_entropy",
        "training": {"mode": "one_vs_all", "max_steps": 2},
    }
)


@pytest.fixture
def graph() -> kt.KnowledgeGraph:
    train = [(i, 0, (i + 1) % 8) for i in range(8)]
    return kt.KnowledgeGraph.from_arrays(train, [(0, 0, 2)], [(1, 0, 3)], entities=list("abcdefgh"))


@pytest.fixture
def threads() -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield 2
    torch.set_num_threads(before)


def test_a_graph_of_the_same_size_with_other_ids_is_refused(graph: kt.KnowledgeGraph, tmp_path: Path) -> None:
    run = kt.train(graph, CONFIG, output=tmp_path / "run")
    permuted = kt.KnowledgeGraph.from_arrays(
        graph.train, graph.valid, graph.test, entities=list("hgfedcba"), name="permuted"
    )
    for trained in (run, run.model, tmp_path / "run"):
        assert kt.evaluate(trained, graph).overall == kt.evaluate(trained).overall
        with pytest.raises(
            RunError, match="trained on another graph than the permuted given; give the graph"
        ):
            kt.evaluate(trained, permuted)


def test_a_training_has_its_curve_as_a_figure(graph: kt.KnowledgeGraph) -> None:
    config = CONFIG.limited(max_steps=6, validate_every=2)
    run = kt.train(graph, config)
    drawn = run.plot_curve().data[0]
    assert list(drawn.y) == pytest.approx([point["metric"] for point in run.report["curve"]], abs=1e-4)
    assert drawn.customdata == ("2", "4", "6")


@pytest.mark.parametrize(("given", "expected"), [(None, 1), (3, 3)])
def test_a_training_uses_one_thread_unless_told_otherwise_and_leaves_torch_as_it_was(
    given: int | None,
    expected: int,
    threads: int,
    graph: kt.KnowledgeGraph,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    used = []

    def run(*args: Any, **options: Any) -> Any:
        used.append(torch.get_num_threads())
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "run_experiment", run)
    for output in (None, tmp_path / "run"):
        with pytest.raises(KeyboardInterrupt):
            kt.train(graph, CONFIG, threads=given, output=output)
    assert used == [expected, expected]
    assert torch.get_num_threads() == threads


def test_no_threads_are_refused(graph: kt.KnowledgeGraph) -> None:
    with pytest.raises(ConfigError, match="threads must be at least 1, got 0"):
        kt.train(graph, CONFIG, threads=0)


def test_a_training_for_one_metric_is_not_given_for_another(graph: kt.KnowledgeGraph, tmp_path: Path) -> None:
    kt.train(graph, CONFIG, output=tmp_path / "run")
    with pytest.raises(RunError, match="holds a run with another metric; choose another --output"):
        kt.train(graph, CONFIG, output=tmp_path / "run", metric="hits_at_1")
    assert kt.train(graph, CONFIG, output=tmp_path / "run").report["metric"] == "mrr"


class Watching:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def notify(self, event: Event, elapsed: float, remaining: float | None) -> None:
        self.events.append(event)


class Broken:
    name = "a tracker"

    def notify(self, event: Event, elapsed: float, remaining: float | None) -> None:
        raise OSError("no space")


def test_a_training_is_told_as_a_run_of_one_trial(graph: kt.KnowledgeGraph, tmp_path: Path) -> None:
    for output in (None, tmp_path / "run"):
        result = kt.train(graph, CONFIG, output=output, observer=(watching := Watching()))
        kinds = [type(event).__name__ for event in watching.events if not isinstance(event, Note)]
        assert kinds == ["RunStarted", "TrialStarted", "TrialProgress", "TrialEnded", "RunEnded"]
        assert isinstance(ended := watching.events[-1], RunEnded)
        assert ended.stopped_by == "max_steps"
        assert ended.valid is not None
        assert ended.valid["mrr"] == result.report["valid"]["mrr"]


def test_a_tracker_that_fails_costs_a_training_a_note(graph: kt.KnowledgeGraph) -> None:
    notes: list[str] = []
    kt.train(graph, CONFIG, observer=[Broken(), watching := Watching()], on_note=notes.append)
    (said,) = [note for note in notes if note.startswith("a tracker failed and is told no more")]
    assert Note(said) in watching.events
    assert isinstance(watching.events[-1], RunEnded)


def test_an_interrupted_training_appends_to_its_events(graph: kt.KnowledgeGraph, tmp_path: Path) -> None:
    def interrupt(point: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kt.train(graph, CONFIG, output=tmp_path / "run", on_validation=interrupt)
    kt.train(graph, CONFIG, output=tmp_path / "run")
    events = read_events(tmp_path / "run" / "events.csv")
    began = events[events.event == "run_started"].text
    assert [text.endswith(", resumed") for text in began] == [False, True]
    assert list(events[events.event == "run_ended"].text) == ["interrupted", "max_steps"]


def test_without_an_observer_progress_shows_in_a_notebook_only(
    graph: kt.KnowledgeGraph, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def show_with(shell: object) -> str:
        monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
        kt.train(graph, CONFIG)
        return capsys.readouterr().out

    assert show_with(None) == show_with(SimpleNamespace()) == ""  # no shell, or one in a terminal
    assert "trial 0: MRR" in show_with(SimpleNamespace(kernel=object()))
    kt.train(graph, CONFIG, observer=[])
    assert capsys.readouterr().out == ""


@pytest.mark.slow
def test_a_training_does_without_what_only_a_search_or_a_symbolic_shape_needs() -> None:
    """Each is time before the first step and memory until the last one, in every process that trains."""
    heavy = {"optuna", "sqlalchemy", "sklearn", "pandas", "sympy", "networkx"}
    code = (
        "import sys, kgtuner as kt\n"
        "config = kt.default_config('distmult').updated({'training.max_steps': 2, 'training.validate_every': 1})\n"
        "kt.train(kt.load_dataset('world'), config=config)\n"
        f"print(sorted({heavy} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_batch_that_does_not_fit_is_trained_in_parts_with_a_note_and_stays_the_same_training(
    graph: kt.KnowledgeGraph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = CONFIG.updated({"model.name": "rescal", "model.dimension": 40, "training.batch_size": 64})
    notes: list[str] = []
    monkeypatch.setattr(training, "free_memory", lambda device: 1e6)  # too little for 64 matrices of 40 x 40
    trained = kt.train(graph, config, output=tmp_path / "run", on_note=notes.append)
    assert notes == [
        "trained with its gradient computed for 32 of a batch's 64 queries at a time, to fit into memory"
    ]
    assert trained.report["config"]["training"]["queries_at_once"] == 32
    monkeypatch.setattr(training, "free_memory", lambda device: 1e12)
    again = kt.train(graph, config, output=tmp_path / "run")
    assert again.report["valid"] == trained.report["valid"]
    monkeypatch.setattr(training, "free_memory", lambda device: 1e5)
    with pytest.raises(OutOfMemory, match=r"model\.dimension \d+ instead of 40 would fit"):
        kt.train(graph, config)


def test_a_folder_from_before_a_batch_had_parts_holds_the_same_training(
    graph: kt.KnowledgeGraph, tmp_path: Path
) -> None:
    done = kt.train(graph, CONFIG, output=tmp_path / "run")
    record = tmp_path / "run" / "run.json"
    there = json.loads(record.read_text())
    del there["config"]["training"]["queries_at_once"]
    record.write_text(json.dumps(there))
    assert kt.train(graph, CONFIG, output=tmp_path / "run").report["valid"] == done.report["valid"]
    parts = CONFIG.updated({"training.queries_at_once": 16})
    assert kt.train(graph, parts, output=tmp_path / "run").report["valid"] == done.report["valid"]
    with pytest.raises(RunError, match="another configuration"):
        kt.train(graph, CONFIG.updated({"model.dimension": 8}), output=tmp_path / "run")


def test_a_default_that_was_made_smaller_to_fit_goes_on_when_there_is_more_memory(
    graph: kt.KnowledgeGraph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = CONFIG.updated({"model.dimension": 400})
    monkeypatch.setattr(training, "default_config", lambda *_, **__: large)
    needed = estimated_bytes(large, size_of(graph))
    monkeypatch.setattr(training, "free_memory", lambda device: 0.8 * needed)
    small = kt.train(graph, model="distmult", output=tmp_path / "run")
    dimension = small.report["config"]["model"]["dimension"]
    assert dimension < 400
    monkeypatch.setattr(training, "free_memory", lambda device: 1e12)
    again = kt.train(graph, model="distmult", output=tmp_path / "run")
    assert again.report["config"]["model"]["dimension"] == dimension
