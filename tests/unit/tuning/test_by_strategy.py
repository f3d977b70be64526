"""Strategies carried out with a worker and a clock that are not real."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kgtuner as kt
from kgtuner.defaults import default_for
from kgtuner.domains import Float
from kgtuner.errors import ConfigError, RunError
from kgtuner.execution.executor import Executor, Job, SlotHealth
from kgtuner.execution.storage import RESULT, value_of
from kgtuner.execution.tasks import Done, Message, Resources, Task, TrainTask
from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.models import MODELS
from kgtuner.search.proposals import Observations, random_row
from kgtuner.search.samplers import model_based
from kgtuner.search.strategies import FULL, STRATEGIES, Answer, Request
from kgtuner.space import load_space
from kgtuner.space.space import Space
from kgtuner.tuning import by_strategy as by_strategy_module
from kgtuner.tuning import memory_left
from kgtuner.tuning.algorithms import ALGORITHMS, default_space
from kgtuner.tuning.budget import Budget
from kgtuner.tuning.by_strategy import GRAPH, REQUEST, Answering, by_strategy
from kgtuner.tuning.events import Silent
from kgtuner.tuning.run_folder import RunFolder
from kgtuner.tuning.running import TuningRun
from kgtuner.tuning.schedule import START_SECONDS
from kgtuner.tuning.settings import TuneSettings
from kgtuner.tuning.trials import good_elsewhere, within
from kgtuner.tuning.two_stage import space_of
from kgtuner.types import FloatArray


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Worker(Executor):
    """Trains nothing: each training takes its time and is better the nearer the learning rate is to 0.01."""

    slots = 1
    killed_at = math.inf

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.tasks: list[TrainTask] = []
        self.jobs: list[Job] = []

    def start(self) -> None: ...

    def close(self, *, kill: bool = False) -> None: ...

    def cancel(self, job: Job) -> None:
        self.jobs.remove(job)

    def health(self) -> list[SlotHealth]:
        return []

    def describe(self) -> dict[str, Any]:
        return {}

    def submit(self, task: Task, resources: Resources) -> Job:
        self.jobs.append(Job(task, resources))
        return self.jobs[-1]

    def wait(self, seconds: float) -> list[tuple[Job, Message]]:
        job = self.jobs.pop(0)
        assert isinstance(job.task, TrainTask)
        return [(job, Done(self.trained(job.task)))]

    def trained(self, task: TrainTask) -> dict[str, Any]:
        before = 0.0
        assert task.checkpoint is not None
        if task.checkpoint.exists():
            before = float(task.checkpoint.read_text())
        seconds = task.config["training"]["max_seconds"]
        spent = max(0.0, seconds - before)
        if self.clock.now + spent > type(self).killed_at:
            raise KeyboardInterrupt
        self.tasks.append(task)
        self.clock.now += spent + 0.1
        task.checkpoint.write_text(str(before + spent))
        if task.save_to is not None:
            task.save_to.write_text("")
        value = 1 / (1 + abs(math.log10(task.config["optimizer"]["learning_rate"] / 0.01)))
        return {
            "best": value,
            "valid": {"mrr": value, "count": 3_200},
            "valid_seconds": 0.1,
            "seconds": before + spent,
            "peak_rss_mb": 1.0,
            "config": dict(task.config),
        }


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> type[Worker]:
    class Fresh(Worker):
        pass

    monkeypatch.setattr(model_based, "propose", _drawn)  # nothing here depends on how good a proposal is
    return Fresh


def _drawn(
    space: Space, observations: Observations, rng: np.random.Generator, *_: Any, **__: Any
) -> FloatArray:
    return random_row(space.codes, observations.codes, rng)


@pytest.fixture(scope="module")
def graph() -> KnowledgeGraph:
    return kt.load_dataset("world")


def started(
    worker: type[Worker], folder: Path, clock: Clock, algorithm: str, seconds: float = 120.0, **changes: Any
) -> TuningRun:
    settings = TuneSettings(
        models=("complex",),
        budget=Budget(seconds=seconds),
        space=default_space(algorithm),
        algorithm=algorithm,
        **changes,
    )
    run_folder = RunFolder(folder)
    run_folder.create()
    return TuningRun(run_folder, settings, Silent(), clock, worker(clock))


def asked(run: TuningRun) -> list[tuple[int, str, dict[str, Any], float | None]]:
    trials = [*run.store.trials("subgraph"), *run.store.trials("full")]
    told = [t for t in trials if REQUEST in t.user_attrs and RESULT in t.user_attrs]
    return sorted(
        (t.user_attrs[REQUEST], t.user_attrs[GRAPH], t.params, value_of(t)) for t in told
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "earlier", "on_subgraphs"),
    [
        *(
            pytest.param(name, name != "racing", True, marks=() if name == "racing" else pytest.mark.slow)
            for name in STRATEGIES
        ),
        ("racing", True, False),
    ],
)
def test_a_budget_is_kept_and_something_is_trained_on_the_full_graph(
    name: str, earlier: bool, on_subgraphs: bool, worker: type[Worker], graph: KnowledgeGraph, tmp_path: Path
) -> None:
    """Racing has nothing left for a subgraph when it has raced what was good elsewhere."""
    clock = Clock()
    run = started(worker, tmp_path, clock, name, try_earlier=earlier)
    by_strategy(run, graph)
    assert 40 < clock.now <= 119
    assert any(graph_name == "full" for _, graph_name, _, _ in asked(run))
    assert any(graph_name != "full" for _, graph_name, _, _ in asked(run)) == on_subgraphs


def test_a_training_that_goes_on_has_what_is_behind_it_and_what_is_left(
    worker: type[Worker], graph: KnowledgeGraph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    run = started(worker, tmp_path, clock, "racing")
    answering = Answering(run, STRATEGIES["racing"], graph)
    row = random_row(answering.space.codes, np.empty((0, 0)), np.random.default_rng(0))
    unit = answering.unit
    assert answering.answer(0, Request(row, FULL, 0.25, larger=True)) is not None
    monkeypatch.setattr(by_strategy_module, "trained_seconds", lambda path: 0.25 * unit)
    monkeypatch.setattr(Answering, "_left", lambda self: 0.5 * unit)
    assert answering.answer(1, Request(row, FULL, 1.0, larger=True)) is not None
    assert isinstance(run.executor, Worker)
    first, second = (task.config["training"]["max_seconds"] for task in run.executor.tasks)
    assert first == pytest.approx(0.25 * unit - START_SECONDS)
    assert second == pytest.approx(
        0.75 * unit - START_SECONDS
    )  # of the whole one there is no time for the last quarter


@pytest.mark.slow
def test_an_interrupted_strategy_takes_the_same_decisions_again_and_goes_on(
    worker: type[Worker], graph: KnowledgeGraph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[int, str, float]] = []
    answer = Answering.answer

    def recorded(self: Answering, number: int, request: Request) -> Answer | None:
        came_out = answer(self, number, request)
        if came_out is not None:
            told.append((number, request.fidelity, came_out.value))
        return came_out

    monkeypatch.setattr(Answering, "answer", recorded)
    whole = started(worker, tmp_path / "whole", Clock(), "racing")
    by_strategy(whole, graph)
    told_whole = told.copy()
    worker.killed_at = 40.0
    clock = Clock()
    first = started(worker, tmp_path / "cut", clock, "racing")
    with pytest.raises(KeyboardInterrupt):
        by_strategy(first, graph)
    done = len(asked(first))
    first.save_state(force=True)
    first.close()
    worker.killed_at = math.inf
    second = started(worker, tmp_path / "cut", clock, "racing")
    told.clear()
    by_strategy(second, graph)
    before, after = asked(whole), asked(second)
    again = done + 5  # what was cut off, and what followed from it
    assert len(before) > again
    assert after[:again] == before[:again]
    assert told[:again] == told_whole[:again]
    assert len({trial[0] for trial in after}) == len(after)


def test_a_training_that_goes_on_is_paid_the_difference_only_and_whole_ones_leave_no_checkpoint(
    worker: type[Worker], graph: KnowledgeGraph, tmp_path: Path
) -> None:
    run = started(worker, tmp_path, Clock(), "racing")
    answering = Answering(run, STRATEGIES["racing"], graph)
    rows = answering.space.codes.sample(2, np.random.default_rng(0))
    short, other, whole = (
        answering.answer(number, Request(rows[row], "full", share, larger=True))
        for number, (row, share) in enumerate([(0, 0.25), (1, 0.25), (0, 1.0)])
    )
    assert short is not None
    assert other is not None
    assert whole is not None
    assert short.cost + whole.cost == pytest.approx(1.0, abs=0.05)  # of one whole training
    left = list(run.folder.models.glob("checkpoint-*"))
    assert left == [run.models.named_checkpoint(left[0].stem.removeprefix("checkpoint-"))]  # of the other one


def test_a_resumed_strategy_searches_the_same_space_whatever_memory_there_is(
    worker: type[Worker], graph: KnowledgeGraph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spaces = []
    for free in (1e9, 2.2e7, 4e7):  # bytes
        monkeypatch.setattr(memory_left, "free_memory", lambda device, free=free, **given: free)
        for folder in ("first", f"{free:g}"):
            run = started(worker, tmp_path / folder, Clock(), "racing")
            spaces.append(space_of(run, graph))
            run.close()
    of_first, others = spaces[::2], spaces[1::2]
    assert [str(space) for space in of_first] == [str(of_first[0])] * 3
    assert len({str(space) for space in others}) == 3  # each memory has a space of its own


def test_the_default_of_a_resumed_run_is_the_one_it_began_with(
    worker: type[Worker], graph: KnowledgeGraph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    defaults = {}
    for many in (1_000_000, 10):  # a later version samples on graphs of this size
        monkeypatch.setattr("kgtuner.defaults.MANY_TO_SCORE", many)
        for folder in ("first", f"{many}"):
            run = started(worker, tmp_path / folder, Clock(), "racing")
            space_of(run, graph)
            defaults[folder, many] = run.default_of("complex")
            run.close()
    assert defaults["10", 10].training.mode == "negative_sampling"
    assert defaults["first", 10] == defaults["first", 1_000_000] == defaults["1000000", 1_000_000]
    assert defaults["first", 10].training.mode == "one_vs_all"


def test_racing_begins_with_the_default_and_what_was_good_elsewhere_and_rivals_with_neither(
    worker: type[Worker], graph: KnowledgeGraph, tmp_path: Path
) -> None:
    run = started(worker, tmp_path / "racing", Clock(), "racing")
    answering = Answering(run, STRATEGIES["racing"], graph)
    points = [answering.space.codes.assignment(row) for row in answering.problem.first]
    default = within(answering.space, run.default_of("complex"))
    assert points[0] == default
    assert points[1:] == good_elsewhere(run, answering.space, graph)
    assert len(points) > 10
    for changes, count in (({"try_earlier": False}, 1), ({"try_earlier": False, "try_default": False}, 0)):
        without = started(worker, tmp_path / str(count), Clock(), "racing")
        without.settings = replace(without.settings, **changes)
        assert len(Answering(without, STRATEGIES["racing"], graph).problem.first) == count
    rival = started(worker, tmp_path / "toss", Clock(), "toss")
    assert not Answering(rival, STRATEGIES["toss"], graph).problem.first


def test_a_later_sitting_begins_with_what_the_first_one_chose(
    worker: type[Worker], graph: KnowledgeGraph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def first() -> list[list[float]]:
        run = started(worker, tmp_path, Clock(), "racing")
        return [
            row.tolist() for row in np.nan_to_num(Answering(run, STRATEGIES["racing"], graph).problem.first)
        ]

    chosen = first()
    assert len({tuple(row) for row in chosen}) == len(chosen) > 10
    monkeypatch.setattr("kgtuner.tuning.trials.shipped_studies", list)  # as in another version
    assert first() == chosen
    (tmp_path / "first.json").write_text('{"format": 2}')
    with pytest.raises(RunError, match=r"first\.json is damaged .*; restore it or start a new run"):
        first()


def test_what_was_good_elsewhere_is_brought_into_a_narrower_space(
    worker: type[Worker], graph: KnowledgeGraph, tmp_path: Path
) -> None:
    run = started(worker, tmp_path, Clock(), "racing")
    full = good_elsewhere(run, load_space("full", ["complex"]), graph)
    broad = load_space("broad", ["complex"])
    kept = good_elsewhere(run, broad, graph)
    assert 0 < len(kept) <= len(full)
    for point in kept:
        broad.validate(point)
    assert {point["model.dimension"] for point in kept} == {100}
    tight = broad.narrowed({"optimizer.learning_rate": Float(0.01, 0.02, log=True)})
    assert {0.01, 0.02} >= {
        point["optimizer.learning_rate"] for point in good_elsewhere(run, tight, graph)
    } - {point["optimizer.learning_rate"] for point in kept}


def test_toss_raises_dimension_and_batch_size_on_the_full_graph(
    worker: type[Worker], graph: KnowledgeGraph, tmp_path: Path
) -> None:
    run = started(worker, tmp_path, Clock(), "toss")
    by_strategy(run, graph)
    sizes = {
        stage: {
            (config["model"]["dimension"], config["training"]["batch_size"])
            for t in run.store.trials(stage)
            if RESULT in t.user_attrs
            for config in [t.user_attrs[RESULT]["config"]]
        }
        for stage in ("subgraph", "full")
    }
    assert sizes["subgraph"] == {(100, 128)}
    assert max(sizes["full"]) == (2000, 1024)


def test_a_time_too_short_for_the_full_graph_ends_with_the_best_of_the_subgraph_there(
    worker: type[Worker], graph: KnowledgeGraph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kgtuner.tuning.by_strategy.ROOM", 3.0)  # trainings take longer than was thought
    run = started(worker, tmp_path, Clock(), "autone", seconds=100.0)
    by_strategy(run, graph)
    trained = asked(run)
    last = [trial for trial in trained if trial[1] == "full"]
    assert last[0][0] == -1
    largest = [trial for trial in trained if trial[1] == "random_walk-0.2"]
    assert last[0][2] == max(largest, key=lambda trial: trial[3] or 0.0)[2]


def test_workers_that_a_strategy_leaves_idle_are_noted(
    worker: type[Worker], graph: KnowledgeGraph, tmp_path: Path
) -> None:
    worker.slots = 3
    worker.killed_at = 0.0
    run = started(worker, tmp_path, Clock(), "grash")
    with pytest.raises(KeyboardInterrupt):
        by_strategy(run, graph)
    assert "grash trains one configuration at a time: 2 of 3 workers stay idle" in run.folder.log.read_text()


def test_a_strategy_refuses_a_number_of_trials(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="toss spends a budget in time or in full trainings"):
        kt.tune("world", algorithm="toss", trials=5, output=tmp_path / "run")


def test_a_strategy_refuses_stages_that_are_not_its_own(tmp_path: Path) -> None:
    for setting in ({"two_stages": False}, {"stage_one_share": 0.3}, {"subgraph_ratio": 0.4}):
        with pytest.raises(
            ConfigError, match=f"has stages and subgraphs of its own: leave out {next(iter(setting))}"
        ):
            kt.tune("world", algorithm="racing", budget="30s", output=tmp_path / "run", **setting)  # type: ignore[arg-type]


@pytest.mark.parametrize("all_entities", [True, False])
@pytest.mark.parametrize("entities", [100, 9_999, 10_000, 1_000_000])
@pytest.mark.parametrize("model", MODELS)
def test_what_we_search_by_default_contains_the_default_of_any_graph(
    model: str, entities: int, all_entities: bool
) -> None:
    default = default_for(model, entities, all_entities=all_entities)
    for algorithm in ("kgtuner", "racing"):
        space = load_space(default_space(algorithm), [model], all_entities=all_entities)
        assert within(space, default) is not None, algorithm


def test_each_algorithm_has_a_space_of_its_own_by_default() -> None:
    assert default_space("toss") == "reduced"
    assert {default_space(name) for name in ("kgtuner", "rf_bore", "random")} == {"broad"}
    assert set(ALGORITHMS) >= {"kgtuner", "toss", "grash", "autone", "tpe", "gp", "random", "grid"}
