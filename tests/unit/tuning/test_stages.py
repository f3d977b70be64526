"""The two stages with a worker and a clock that are not real: who trains, for how long, and when it ends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kgtuner as kt
from kgtuner.errors import TrialFailed
from kgtuner.evaluation.evaluator import Evaluation, Sample
from kgtuner.evaluation.metrics import Metrics
from kgtuner.execution.executor import Executor, Job, SlotHealth
from kgtuner.execution.storage import REASON, RESULT
from kgtuner.execution.tasks import Done, EvaluateTask, Failed, Message, Resources, Task, TrainTask
from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.search.proposals import Observations, random_row
from kgtuner.search.samplers import SAMPLERS, model_based
from kgtuner.space.space import Space
from kgtuner.tuning import carry_out, memory_left
from kgtuner.tuning.budget import Budget
from kgtuner.tuning.events import Silent
from kgtuner.tuning.found import found_config
from kgtuner.tuning.full_search import MOVE, WIDENED
from kgtuner.tuning.going_on import RUNG
from kgtuner.tuning.kept_models import AGAIN, DEFAULT
from kgtuner.tuning.raising import DIMENSIONS
from kgtuner.tuning.result import TuneResult
from kgtuner.tuning.run_folder import RunFolder
from kgtuner.tuning.running import TuningRun
from kgtuner.tuning.settings import TuneSettings
from kgtuner.tuning.two_stage import space_of, two_stage
from kgtuner.types import FloatArray

OVERHEAD = 0.3
"""Seconds around a training, less than what the schedule allows for."""

SIZES = ("model.dimension", "training.batch_size")  # which may be raised

Quality = Callable[[TrainTask], float]


class FakeClock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class FakeWorker(Executor):
    """Trains nothing; each training takes all the time it may and gives what `quality` says."""

    slots = 1

    quality: Quality = staticmethod(lambda task: 0.5)
    killed_at: float = float("inf")
    stopped_by = "max_seconds"
    queries_per_second = 20_000.0
    seconds_a_triple = 0.1 / 1_600
    test_triples = 0
    never_ends: Callable[[TrainTask], bool] = staticmethod(lambda task: False)

    def __init__(self, clock: FakeClock) -> None:
        self.clock: FakeClock = clock
        self.tasks: list[TrainTask] = []
        self.rankings: list[EvaluateTask] = []
        self.ends: list[tuple[float, Job, dict[str, Any] | Failed]] = []
        self.cancelled: list[Job] = []
        self.most = 0

    def start(self) -> None: ...

    def close(self, *, kill: bool = False) -> None: ...

    def cancel(self, job: Job) -> None:
        self.cancelled.append(job)
        self.ends = [item for item in self.ends if item[1] is not job]

    def health(self) -> list[SlotHealth]:
        return []

    def describe(self) -> dict[str, Any]:
        return {}

    def submit(self, task: Task, resources: Resources) -> Job:
        job = Job(task, resources)
        seconds, result = self.trained(task)
        if type(self).never_ends(task):  # type: ignore[arg-type]
            seconds = float("inf")
        self.ends.append((self.clock.now + seconds, job, result))
        self.most = max(self.most, len(self.ends))
        assert len(self.ends) <= self.slots
        return job

    def wait(self, seconds: float) -> list[tuple[Job, Message]]:
        end, job, result = first = min(self.ends, key=lambda item: item[0])
        if end == float("inf"):
            self.clock.now += 1.0
            return []
        if end - OVERHEAD > type(self).killed_at:
            self.clock.now = type(self).killed_at
            raise KeyboardInterrupt
        self.ends.remove(first)
        self.clock.now = max(self.clock.now, end)
        if isinstance(result, Failed):
            return [(job, result)]
        task = job.task
        if isinstance(task, EvaluateTask):
            return [(job, Done(result))]
        if task.checkpoint is not None:
            task.checkpoint.write_text(str(result["seconds"]))
        if task.save_to is not None:
            task.save_to.write_text("")
        return [(job, Done(result))]

    def trained(self, task: Task) -> tuple[float, dict[str, Any] | Failed]:
        if isinstance(task, EvaluateTask):
            return self.ranked(task)
        self.tasks.append(task)
        training = task.config["training"]
        seconds = training["max_seconds"]
        before = 0.0
        if task.checkpoint is not None and task.checkpoint.exists():
            before = float(task.checkpoint.read_text())
        spent = 5.0 if seconds is None else seconds - before
        try:
            value = type(self).quality(task)
        except TrialFailed as error:
            return OVERHEAD, Failed(type(error).__name__, str(error))
        return spent + OVERHEAD, {
            "best": value,
            "valid": {"mrr": value, "mean_rank": 1 / value, "count": 3_200},
            "valid_seconds": 1_600 * type(self).seconds_a_triple,
            "seconds": before + spent,
            "training_seconds": before + spent,
            "queries": round(type(self).queries_per_second * (before + spent)),
            "steps": 100,
            "stopped_by": type(self).stopped_by if seconds is not None else "patience",
            "peak_rss_mb": 100.0,
            "curve": [{"step": 10, "metric": value}, {"step": 100, "metric": value}],
            "config": dict(task.config),
        }

    def ranked(self, task: EvaluateTask) -> tuple[float, dict[str, Any]]:
        self.rankings.append(task)
        size = type(self).test_triples if task.size is None else task.size
        metrics = Metrics(0.5, 2.0, 0.5, 0.5, 0.5, 0.5, 2 * size)
        sample = None if task.size is None else Sample(size, type(self).test_triples, 0.5 / size**0.5)
        evaluation = Evaluation("test", metrics, {}, {}, {}, sample)
        return OVERHEAD + size * type(self).seconds_a_triple, evaluation.to_mapping()


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> type[FakeWorker]:
    class Fresh(FakeWorker):
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
    worker: type[FakeWorker], folder: Path, graph: KnowledgeGraph, clock: FakeClock, **settings: Any
) -> tuple[TuningRun, FakeWorker]:
    budget = settings.pop("budget", 600.0)
    trials = settings.pop("trials", None)
    models = settings.pop("models", ("complex",))
    settings.setdefault("stage_one_share", 0.5)
    settings.setdefault("subgraph_ratio", 0.5)  # few trials fit into stage one, so that the tests are quick
    run = TuningRun(
        _folder(folder),
        TuneSettings(models=models, budget=Budget.of(None if trials else budget, trials), seed=0, **settings),
        Silent(),
        clock,
        (fake := worker(clock)),
    )
    return run, fake


def _folder(path: Path) -> RunFolder:
    folder = RunFolder(path)
    folder.create()
    return folder


def full(run: TuningRun) -> list[Any]:
    return run.store.trials("full")


def by_rate(task: TrainTask) -> float:
    """Better the nearer the learning rate is to 0.03; longer training helps a little."""
    import math

    rate = task.config["optimizer"]["learning_rate"]
    return 0.5 / (1 + abs(math.log10(rate / 0.03))) + 1e-5 * (task.config["training"]["max_seconds"] or 0)


def rate_of(trial: Any) -> float:
    return float(trial.user_attrs[RESULT]["config"]["optimizer"]["learning_rate"])


def dimension_of(trial: Any) -> int:
    return int(trial.user_attrs[RESULT]["config"]["model"]["dimension"])


def test_a_budget_is_used_up_and_not_exceeded(
    worker: type[FakeWorker], graph: KnowledgeGraph, tmp_path: Path
) -> None:
    worker.quality = staticmethod(by_rate)
    clock = FakeClock()
    run, _ = started(worker, tmp_path, graph, clock)
    two_stage(run, graph)
    assert 560 < clock.now <= 599  # 1 s and the test evaluation are kept back
    assert run.stage_seconds["subgraph"] == pytest.approx(287, abs=10)


def test_full_graph_begins_with_the_default_and_ends_with_its_best_going_on(
    worker: type[FakeWorker], graph: KnowledgeGraph, tmp_path: Path
) -> None:
    worker.quality = staticmethod(by_rate)
    run, _fake = started(worker, tmp_path, graph, FakeClock())
    two_stage(run, graph)
    trials = full(run)
    first, last = trials[0], trials[-1]
    assert first.user_attrs[DEFAULT] == "complex"
    assert AGAIN in last.user_attrs
    new = [t for t in trials if AGAIN not in t.user_attrs]
    assert len(new) == 8
    going_on = [t for t in trials if AGAIN in t.user_attrs]
    assert len(going_on) in (3, 4)  # two and perhaps the default in the second rung, one in the last
    assert any(DEFAULT in t.user_attrs for t in going_on)
    best = max(new, key=lambda t: t.value)
    # The best with a larger dimension is no better here, and no worse.
    assert rate_of(last) == rate_of(best)
    # An eighth of the first rung, half or a third of the second, all of the last.
    share = 0.4 / 8 + 0.2 / (len(going_on) - 1) + 0.4
    assert last.user_attrs[RESULT]["seconds"] == pytest.approx(share * 287, rel=0.05)


@pytest.mark.slow
def test_stage_one_trials_are_as_long_as_the_epochs_of_the_last_training_need(
    worker: type[FakeWorker], graph: KnowledgeGraph, tmp_path: Path
) -> None:
    run, fake = started(worker, tmp_path, graph, FakeClock(), budget=7200.0, subgraph_ratio=0.2)
    two_stage(run, graph)
    small = [t for t in fake.tasks if t.save_to is None]
    lengths = {
        t.config["training"]["max_seconds"] for t in small if t.config["training"]["mode"] == "one_vs_all"
    }
    subgraph = KnowledgeGraph.load(run.folder.subgraph / "graph")
    scale = len(subgraph.train) / len(graph.train) * subgraph.n_entities / graph.n_entities
    assert min(lengths) == pytest.approx(scale * 0.55 * (7200 - 289) / 2, rel=0.01)


@pytest.mark.slow
def test_stage_one_scales_the_number_of_negatives_down_with_the_entities(
    worker: type[FakeWorker], graph: KnowledgeGraph, tmp_path: Path
) -> None:
    run, fake = started(worker, tmp_path, graph, FakeClock(), subgraph_ratio=0.2)
    two_stage(run, graph)
    numbers = {
        t.config["negatives"]["num_negatives"]
        for t in fake.tasks
        if t.save_to is None and t.config["training"]["mode"] == "negative_sampling"
    }
    assert numbers
    assert numbers <= {6, 26, 102, 410}  # a fifth of 32, 128, 512, 2048


def test_the_best_of_stage_one_is_transferred(
    worker: type[FakeWorker], graph: KnowledgeGraph, tmp_path: Path
) -> None:
    worker.quality = staticmethod(by_rate)
    run, _ = started(worker, tmp_path, graph, FakeClock())
    two_stage(run, graph)
    small = [t for t in run.store.trials("subgraph") if t.value is not None]
    best = max(small, key=lambda t: t.value or 0.0)
    default_kind = ("one_vs_all", "cross_entropy")
    of_other_kind = [t for t in small if (t.params["training.mode"], t.params["loss.name"]) != default_kind]
    expected = max(of_other_kind, key=lambda t: t.value or 0.0)
    transferred = [t.params for t in full(run)[1:4]]
    assert expected.params in transferred
    assert best.params in [t.params for t in full(run)]


def test_a_trial_that_failed_on_the_subgraph_is_remembered_as_bad(
    worker: type[FakeWorker], graph: KnowledgeGraph, tmp_path: Path
) -> None:
    from kgtuner.errors import Diverged
    from kgtuner.space.loading import load_space
    from kgtuner.tuning.trials import observed

    def sometimes(task: TrainTask) -> float:
        if task.save_to is None and task.config["optimizer"]["learning_rate"] > 0.05:
            raise Diverged("the loss is nan")
        return 0.5

    worker.quality = staticmethod(sometimes)
    run, _ = started(worker, tmp_path, graph, FakeClock())
    two_stage(run, graph)
    known = observed(run, load_space("broad", ["complex"]), "subgraph", 1)
    assert len(known) == len(run.store.trials("subgraph"))
    assert 0 < np.isnan(known.values).sum() < len(known)


@pytest.mark.slow
def test_trials_that_end_by_themselves_leave_their_time_to_others(
    worker: type[FakeWorker], graph: KnowledgeGraph, tmp_path: Path
) -> None:
    worker.stopped_by = "patience"
    clock = FakeClock()
    run, _ = started(worker, tmp_path, graph, clock)
    two_stage(run, graph)
    assert clock.now > 560
    assert not any(AGAIN in t.user_attrs for t in full(run))
    assert len(full(run)) > 8


@pytest.mark.parametrize(
    "killed_at",
    [
        298.0,  # while the default configuration has its first training
        330.0,  # among the first rung
        345.0,
        420.0,  # in the second rung
        500.0,  # in the last
    ],
)
def test_an_interrupted_run_goes_on_with_the_same_schedule(
    worker: type[FakeWorker], graph: KnowledgeGraph, tmp_path: Path, killed_at: float
) -> None:
    worker.quality = staticmethod(by_rate)
    run, _ = started(worker, tmp_path, graph, FakeClock())
    worker.killed_at = killed_at
    with pytest.raises(KeyboardInterrupt):
        two_stage(run, graph)
    run.end_stage()
    before = {t.number: (t.value, t.params) for t in full(run) if t.value is not None}
    run.store.close()

    worker.killed_at = float("inf")
    again, fake = started(worker, tmp_path, graph, FakeClock())  # another process, another clock
    assert again.elapsed == pytest.approx(killed_at)
    two_stage(again, graph)
    assert again.elapsed <= 599
    assert not any(t.save_to is None for t in fake.tasks)  # stage one is not opened again
    trials = [t for t in full(again) if t.value is not None]
    assert {t.number: (t.value, t.params) for t in trials if t.number in before} == before
    assert any(DEFAULT in t.user_attrs for t in trials)
    assert AGAIN in trials[-1].user_attrs
    for trial in trials:  # what was trained is what was asked for, whatever was cut off before it
        config = found_config(trial).flat()
        assert all(config[name] == value for name, value in trial.params.items() if name not in SIZES)
    begun = [
        tuple(sorted(found_config(t).flat().items(), key=str)) for t in trials if AGAIN not in t.user_attrs
    ]
    assert len(set(begun)) == len(begun)  # and nothing twice


def test_a_training_that_is_cut_off_goes_on_from_its_checkpoint(
    worker: type[FakeWorker], graph: KnowledgeGraph, tmp_path: Path
) -> None:
    run, interrupted = started(worker, tmp_path, graph, FakeClock())
    worker.killed_at = 330.0
    with pytest.raises(KeyboardInterrupt):
        two_stage(run, graph)
    run.store.close()
    cut_off = interrupted.tasks[-1]
    worker.killed_at = float("inf")
    again, fake = started(worker, tmp_path, graph, FakeClock())
    two_stage(again, graph)
    assert fake.tasks[0].checkpoint == cut_off.checkpoint
    assert fake.tasks[0].config["optimizer"] == cut_off.config["optimizer"]


def test_a_training_on_the_subgraph_that_is_cut_off_goes_on_from_its_checkpoint(
    worker: type[FakeWorker], graph: KnowledgeGraph, tmp_path: Path
) -> None:
    worker.slots = 2
    run, interrupted = started(worker, tmp_path, graph, FakeClock())
    worker.killed_at = 100.0
    with pytest.raises(KeyboardInterrupt):
        two_stage(run, graph)
    run.store.close()
    cut_off = {job.task.checkpoint: job.task.config["optimizer"] for _, job, _ in interrupted.ends}  # type: ignore[union-attr]
    assert len(cut_off) == 2
    for checkpoint in cut_off:
        checkpoint.write_text("3.0")  # of a minute ago, before the kill
    worker.killed_at = float("inf")
    again, fake = started(worker, tmp_path, graph, FakeClock())
    two_stage(again, graph)
    first = {task.checkpoint: task.config["optimizer"] for task in fake.tasks[:2]}
    assert first == cut_off
    small = [task for task in fake.tasks if task.save_to is None]
    assert not any(task.save_end for task in small)  # nothing goes on from there
    assert len({task.checkpoint for task in small}) == len(small)
    assert not list(again.folder.models.glob("subgraph-*"))
    assert all(task.save_end for task in fake.tasks if task.save_to is not None)


@pytest.mark.slow  # it really proposes
def test_under_a_clock_the_same_observations_give_the_same_proposals(
    graph: KnowledgeGraph, tmp_path: Path
) -> None:
    class Slower(FakeWorker):
        """Takes longer around each training, so that nothing happens at the same second."""

        quality = staticmethod(
            lambda task: by_rate(task) - 1e-5 * (task.config["training"]["max_seconds"] or 0)
        )

        def trained(self, task: Task) -> tuple[float, dict[str, Any] | Failed]:
            seconds, result = super().trained(task)
            return seconds + 0.3, result

    class Quick(FakeWorker):
        quality = Slower.quality

    seen = []
    for kind in (Quick, Slower):
        run, _ = started(kind, tmp_path / kind.__name__, graph, FakeClock(), budget=120.0)
        two_stage(run, graph)
        trials = run.store.trials("subgraph")
        seen.append([(t.params, t.value, t.user_attrs[RESULT]["elapsed"]) for t in trials])
        run.store.close()
    quick, slower = seen
    both = min(len(quick), len(slower))
    assert both > 10  # more than are drawn before the first is proposed by what was observed
    assert [found[:2] for found in quick[:both]] == [found[:2] for found in slower[:both]]
    assert all(a[2] < b[2] for a, b in zip(quick[:both], slower[:both], strict=True))


def test_a_budget_in_full_trainings_survives_an_interruption_of_the_first(
    worker: type[FakeWorker], graph: KnowledgeGraph, tmp_path: Path
) -> None:
    run, _ = started(worker, tmp_path, graph, FakeClock(), budget="20x")
    worker.killed_at = 3.0
    with pytest.raises(KeyboardInterrupt):
        two_stage(run, graph)
    run.end_stage()
    run.store.close()
    worker.killed_at = float("inf")
    again, fake = started(worker, tmp_path, graph, FakeClock(), budget="20x")
    two_stage(again, graph)
    assert again.full_training_seconds == 5.0  # what the worker takes without a limit
    assert len(fake.tasks) > 3


def test_when_the_best_has_ended_by_itself_the_time_goes_to_new_configurations(
    worker: type[FakeWorker], graph: KnowledgeGraph, tmp_path: Path
) -> None:
    worker.quality = staticmethod(by_rate)
    worker.stopped_by = "patience"
    run, _ = started(worker, tmp_path, graph, FakeClock())
    two_stage(run, graph)
    assert all(AGAIN not in t.user_attrs for t in full(run))
    assert len(full(run)) > 8


def test_the_default_of_a_slow_model_has_as_much_of_the_first_rung_as_the_others(
    worker: type[FakeWorker], graph: KnowledgeGraph, tmp_path: Path
) -> None:
    worker.queries_per_second = 500.0  # an epoch of `world` takes two minutes
    worker.quality = staticmethod(by_rate)
    run, _ = started(worker, tmp_path, graph, FakeClock())
    two_stage(run, graph)
    trials = full(run)
    first = [t for t in trials if t.user_attrs.get(RUNG, 1) == 1]
    default = max(t.user_attrs[RESULT]["seconds"] for t in first if DEFAULT in t.user_attrs)
    others = [t.user_attrs[RESULT]["seconds"] for t in first if DEFAULT not in t.user_attrs]
    assert len(others) == 2
    assert default == pytest.approx(min(others), rel=0.1)


def test_a_number_of_trials_is_shared_between_the_stages(
    worker: type[FakeWorker], graph: KnowledgeGraph, tmp_path: Path
) -> None:
    run, fake = started(worker, tmp_path, graph, FakeClock(), trials=10)
    two_stage(run, graph)
    assert len(run.store.trials("subgraph")) == 5
    assert len(full(run)) == 5
    assert all(t.config["training"]["max_seconds"] is None for t in fake.tasks)


def test_one_stage_trains_on_the_full_graph_only(
    worker: type[FakeWorker], graph: KnowledgeGraph, tmp_path: Path
) -> None:
    worker.quality = staticmethod(by_rate)
    run, fake = started(worker, tmp_path, graph, FakeClock(), two_stages=False)
    two_stage(run, graph)
    assert all(t.save_to is not None for t in fake.tasks)
    assert len([t for t in full(run) if AGAIN not in t.user_attrs]) == 24
    assert {t.config["model"]["dimension"] for t in fake.tasks} > {100}  # sizes are searched too


def test_without_the_default_every_trial_is_proposed(
    worker: type[FakeWorker], graph: KnowledgeGraph, tmp_path: Path
) -> None:
    run, _ = started(
        worker, tmp_path, graph, FakeClock(), try_default=False, two_stages=False, algorithm="random"
    )
    two_stage(run, graph)
    assert not any(DEFAULT in t.user_attrs for t in full(run))
    assert all(t.params for t in full(run) if AGAIN not in t.user_attrs)


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ["rf_bore", "random"])
def test_a_space_without_rates_or_weights_has_no_neighbours_and_is_searched_all_the_same(
    worker: type[FakeWorker], graph: KnowledgeGraph, tmp_path: Path, algorithm: str
) -> None:
    space = tmp_path / "space.yaml"
    space.write_text("base: reduced\nparameters: {regularizer.name: none, optimizer.learning_rate: 0.01}\n")
    run, _ = started(worker, tmp_path / "run", graph, FakeClock(), space=str(space), algorithm=algorithm)
    two_stage(run, graph)
    assert len(full(run)) >= 8


@pytest.mark.slow
def test_sizes_a_user_names_are_kept_and_others_are_raised(
    worker: type[FakeWorker], graph: KnowledgeGraph, tmp_path: Path
) -> None:
    space = tmp_path / "space.yaml"
    space.write_text("base: reduced\nparameters: {training.batch_size: 256}\n")
    run, _fake = started(worker, tmp_path / "run", graph, FakeClock(), space=str(space), budget=7200.0)
    two_stage(run, graph)
    proposed = [t for t in full(run) if t.params]
    configs = [t.user_attrs[RESULT]["config"] for t in proposed]
    assert {c["training"]["batch_size"] for c in configs} == {256}
    assert max(c["model"]["dimension"] for c in configs) > 100


def test_the_best_of_the_full_graph_grows_a_step_at_a_time(
    worker: type[FakeWorker], graph: KnowledgeGraph, tmp_path: Path
) -> None:
    # Every training is as good as its dimension, and the curve is at its best at once.
    worker.quality = staticmethod(lambda task: 1e-4 * task.config["model"]["dimension"])
    run, _ = started(worker, tmp_path, graph, FakeClock())
    two_stage(run, graph)
    trials = full(run)
    wider = [t for t in trials if WIDENED in t.user_attrs]
    assert wider
    for trial in wider:
        narrow = trials[trial.user_attrs[WIDENED]]
        assert DIMENSIONS.index(dimension_of(trial)) == DIMENSIONS.index(dimension_of(narrow)) + 1
    sizes = [found_config(t).to_yaml() for t in wider]
    assert len(set(sizes)) == len(sizes)  # once each


def test_with_mean_rank_smaller_is_better_and_kinds_are_transferred_all_the_same(
    worker: type[FakeWorker], graph: KnowledgeGraph, tmp_path: Path
) -> None:
    def negative(task: TrainTask) -> float:
        return 1.0 if task.save_to is not None else -10.0 * (1 + task.config["optimizer"]["learning_rate"])

    worker.quality = staticmethod(negative)
    run, _ = started(worker, tmp_path, graph, FakeClock(), metric="mean_rank")
    two_stage(run, graph)
    assert full(run)[0].value == -1.0  # mean rank 1, with its sign turned
    assert any(t.params for t in full(run)[1:4])


def test_a_training_that_does_not_end_is_stopped_soon_after_the_stage_should_be_over(
    worker: type[FakeWorker], graph: KnowledgeGraph, tmp_path: Path
) -> None:
    worker.never_ends = staticmethod(
        lambda task: task.save_to is not None and "trial-1." in str(task.save_to)
    )
    clock = FakeClock()
    run, fake = started(worker, tmp_path, graph, clock, budget=60.0)
    two_stage(run, graph)
    assert len(fake.cancelled) == 1
    assert 55 < clock.now < 65
    assert full(run)[1].user_attrs[REASON] == "hung"
    assert "did not end within" in full(run)[1].user_attrs["message"]


def test_a_training_that_would_not_fit_fails_with_its_reason_and_is_not_started(
    worker: type[FakeWorker], graph: KnowledgeGraph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory_left, "free_memory", lambda device, **given: 2e8)  # bytes
    run, fake = started(worker, tmp_path, graph, FakeClock(), two_stages=False, space="full", trials=12)
    two_stage(run, graph)
    refused = [t for t in full(run) if t.value is None]
    assert refused
    assert len(fake.tasks) == 12 - len(refused)
    assert refused[0].user_attrs[REASON] == "out of memory"


def test_a_search_on_one_stage_says_which_sizes_memory_leaves_out(
    worker: type[FakeWorker], graph: KnowledgeGraph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory_left, "free_memory", lambda device, **given: 2.2e7)  # bytes
    run, _ = started(worker, tmp_path, graph, FakeClock(), two_stages=False)
    space = space_of(run, graph, one_stage=True)
    assert not space.by_name["model.dimension"].domain.contains(2000)
    assert "model.dimension is searched up to" in run.folder.log.read_text()


def test_with_several_models_the_default_of_each_is_tried(
    worker: type[FakeWorker], graph: KnowledgeGraph, tmp_path: Path
) -> None:
    run, _ = started(worker, tmp_path, graph, FakeClock(), models=("distmult", "complex"), trials=8)
    two_stage(run, graph)
    assert [t.user_attrs.get(DEFAULT) for t in full(run)] == ["distmult", "complex", None, None]


def test_one_trial_is_left_for_what_was_found(
    worker: type[FakeWorker], graph: KnowledgeGraph, tmp_path: Path
) -> None:
    run, _ = started(worker, tmp_path, graph, FakeClock(), models=("distmult", "complex"), trials=4)
    two_stage(run, graph)
    assert [t.user_attrs.get(DEFAULT) for t in full(run)] == ["distmult", None]


@pytest.mark.slow
@pytest.mark.parametrize(("budget", "population"), [(60.0, 2_000), (7200.0, 10_000)])
def test_candidates_are_searched_less_hard_before_short_trials(
    worker: type[FakeWorker],
    graph: KnowledgeGraph,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    budget: float,
    population: int,
) -> None:
    asked: set[int] = set()

    def seen(
        space: Space, observations: Observations, rng: np.random.Generator, *_: Any, **how: Any
    ) -> FloatArray:
        asked.add(how["population"])
        return _drawn(space, observations, rng)

    monkeypatch.setattr(model_based, "propose", seen)
    run, _ = started(worker, tmp_path, graph, FakeClock(), budget=budget)
    two_stage(run, graph)
    assert population in asked


def test_a_default_that_learns_slowly_goes_into_the_second_rung_and_may_win(
    worker: type[FakeWorker], graph: KnowledgeGraph, tmp_path: Path
) -> None:
    def slow_default(task: TrainTask) -> float:
        is_default = (
            task.config["optimizer"]["learning_rate"] == 0.1 and "initializer_scale" in task.config["model"]
        )
        return 0.01 * task.config["training"]["max_seconds"] ** 2 if is_default else 5.0

    worker.quality = staticmethod(slow_default)
    run, _ = started(worker, tmp_path, graph, FakeClock())
    two_stage(run, graph)
    new = [t for t in full(run) if AGAIN not in t.user_attrs]
    assert new[0].value == min(t.value for t in new)
    assert DEFAULT in full(run)[-1].user_attrs
    assert full(run)[-1].value == max(t.value for t in full(run))


@pytest.mark.slow
def test_several_slots_are_kept_busy_and_the_budget_is_not_exceeded(
    worker: type[FakeWorker], graph: KnowledgeGraph, tmp_path: Path
) -> None:
    worker.slots = 3
    worker.quality = staticmethod(by_rate)
    clock = FakeClock()
    run, fake = started(worker, tmp_path, graph, clock)
    two_stage(run, graph)
    assert fake.most == 3
    assert clock.now <= 599
    spent = sum(t.user_attrs[RESULT]["seconds"] for t in run.store.trials("subgraph"))
    assert spent > 2.5 * 260  # of 287 s, less what surrounds each training


def test_proposals_made_while_others_train_are_never_the_same(
    worker: type[FakeWorker], graph: KnowledgeGraph, tmp_path: Path
) -> None:
    worker.slots = 4
    worker.quality = staticmethod(by_rate)
    run, _ = started(worker, tmp_path, graph, FakeClock(), trials=40)
    two_stage(run, graph)
    small = [tuple(sorted(t.params.items())) for t in run.store.trials("subgraph")]
    assert len(set(small)) == len(small) == 20
    assert len(full(run)) == 20
    large = [str(sorted(found_config(t).flat().items(), key=str)) for t in full(run)]
    assert len(set(large)) == len(large)


@pytest.mark.slow
def test_with_several_slots_the_best_goes_on_to_the_end_and_the_second_best_beside_it(
    worker: type[FakeWorker], graph: KnowledgeGraph, tmp_path: Path
) -> None:
    worker.slots = 2
    worker.quality = staticmethod(by_rate)
    run, _ = started(worker, tmp_path, graph, FakeClock())
    two_stage(run, graph)
    last = [t for t in full(run) if t.user_attrs.get(RUNG) == 3]
    assert len(last) == 2
    assert rate_of(last[0]) == rate_of(max(full(run), key=lambda t: t.value))
    assert {run.root(run.store.study("full", SAMPLERS["random"]()), t).number for t in last} != {
        last[0].number
    }
    first = [t for t in full(run) if t.user_attrs.get(RUNG, 1) == 1]
    assert len(first) >= 16  # twice as many as with one


def test_a_rung_is_over_before_the_next_begins(
    worker: type[FakeWorker], graph: KnowledgeGraph, tmp_path: Path
) -> None:
    worker.slots = 2
    worker.quality = staticmethod(by_rate)
    run, _ = started(worker, tmp_path, graph, FakeClock())
    two_stage(run, graph)
    second = [t.number for t in full(run) if t.user_attrs.get(RUNG) == 2]
    third = [t.number for t in full(run) if t.user_attrs.get(RUNG) == 3]
    ends = {t.number: t.user_attrs[RESULT]["elapsed"] for t in full(run)}
    begins = {n: ends[n] - run_seconds(full(run), n) for n in third}
    assert max(ends[n] for n in second) <= min(begins.values()) + 1


def run_seconds(trials: list[Any], number: int) -> float:
    """Seconds that a trial added to the training that it went on with."""
    trial = trials[number]
    before = trials[trial.user_attrs[AGAIN]]
    return float(trial.user_attrs[RESULT]["seconds"] - before.user_attrs[RESULT]["seconds"]) + OVERHEAD


def test_a_run_interrupted_with_several_trials_under_way_makes_all_of_them_again(
    worker: type[FakeWorker], graph: KnowledgeGraph, tmp_path: Path
) -> None:
    worker.slots = 3
    run, interrupted = started(worker, tmp_path, graph, FakeClock(), trials=12, max_steps=50)
    worker.killed_at = 12.0
    with pytest.raises(KeyboardInterrupt):
        two_stage(run, graph)
    run.store.close()
    cut_off = [item[1].task.config for item in interrupted.ends]  # type: ignore[union-attr]
    assert len(cut_off) == 3
    worker.killed_at = float("inf")
    again, fake = started(worker, tmp_path, graph, FakeClock(), trials=12, max_steps=50)
    two_stage(again, graph)
    first = [task.config for task in fake.tasks[:3]]
    assert sorted(map(str, first)) == sorted(map(str, cut_off))
    assert len([t for t in full(again) if t.value is not None]) == 6


def test_the_default_trains_on_the_full_graph_first_and_a_quick_one_shortens_the_subgraph_stage(
    worker: type[FakeWorker], graph: KnowledgeGraph, tmp_path: Path
) -> None:
    worker.quality = staticmethod(by_rate)
    worker.stopped_by = "patience"  # at its best by step 10 of 100
    run, fake = started(worker, tmp_path, graph, FakeClock(), stage_one_share=None)
    two_stage(run, graph)
    assert fake.tasks[0].config["model"]["dimension"] == 200  # the default's own size, on the full graph
    assert fake.tasks[0].config["training"]["max_seconds"] == pytest.approx(0.2 * 575, abs=1.0)
    spent = sum(t.user_attrs[RESULT]["seconds"] for t in run.store.trials("subgraph"))
    assert 0.15 * 575 < spent <= 0.21 * 575
    moved = [t for t in full(run) if MOVE in t.user_attrs]
    assert len(moved) >= 5
    best = max(full(run), key=lambda t: t.value)
    default = next(t for t in full(run) if DEFAULT in t.user_attrs)
    assert abs(np.log10(rate_of(best) / 0.03)) < abs(np.log10(rate_of(default) / 0.03))


def test_a_first_training_far_from_its_end_leaves_the_time_to_the_full_graph_and_keeps_the_rungs(
    worker: type[FakeWorker], graph: KnowledgeGraph, tmp_path: Path
) -> None:
    class Slow(worker):  # type: ignore[valid-type,misc]
        def trained(self, task: Task) -> tuple[float, dict[str, Any] | Failed]:
            seconds, result = super().trained(task)
            value = result["best"]
            result["curve"] = [{"step": step, "metric": value * step / 100} for step in (25, 50, 75, 100)]
            return seconds, result

    run, _ = started(Slow, tmp_path, graph, FakeClock(), stage_one_share=None)
    two_stage(run, graph)
    assert sum(t.user_attrs[RESULT]["seconds"] for t in run.store.trials("subgraph")) <= 0.21 * 575
    assert {t.user_attrs.get(RUNG) for t in full(run)} >= {2, 3}


def test_a_share_that_was_asked_for_is_kept_and_no_training_comes_before_stage_one(
    worker: type[FakeWorker], graph: KnowledgeGraph, tmp_path: Path
) -> None:
    worker.stopped_by = "patience"
    run, fake = started(worker, tmp_path, graph, FakeClock(), stage_one_share=0.4)
    two_stage(run, graph)
    assert "subgraph" in str(fake.tasks[0].graph)
    spent = sum(t.user_attrs[RESULT]["seconds"] for t in run.store.trials("subgraph"))
    assert 0.3 * 575 < spent <= 0.4 * 575


def interrupted_and_resumed(
    worker: type[FakeWorker], folder: Path, graph: KnowledgeGraph, killed_at: float
) -> tuple[TuningRun, FakeWorker]:
    """The second sitting of a run that was interrupted after so many seconds, at its end."""
    worker.stopped_by = "patience"
    worker.killed_at = killed_at
    clock = FakeClock()
    run, _ = started(worker, folder, graph, clock, stage_one_share=None)
    with pytest.raises(KeyboardInterrupt):
        two_stage(run, graph)
    run.save_state(force=True)
    run.close()
    worker.killed_at = float("inf")
    again, fake = started(worker, folder, graph, clock, stage_one_share=None)
    two_stage(again, graph)
    return again, fake


def test_a_resumed_run_keeps_its_first_training_and_its_schedule(
    worker: type[FakeWorker], graph: KnowledgeGraph, tmp_path: Path
) -> None:
    again, fake = interrupted_and_resumed(worker, tmp_path, graph, killed_at=280.0)
    assert "subgraph" not in str(fake.tasks[0].graph)  # stage one was over, by the shorter share
    assert sum(DEFAULT in t.user_attrs and AGAIN not in t.user_attrs for t in full(again)) == 1


def test_a_first_training_that_was_cut_off_is_the_first_again(
    worker: type[FakeWorker], graph: KnowledgeGraph, tmp_path: Path
) -> None:
    again, fake = interrupted_and_resumed(worker, tmp_path, graph, killed_at=50.0)
    assert [("subgraph" in str(task.graph)) for task in fake.tasks[:2]] == [False, True]
    assert fake.tasks[0].config["model"]["dimension"] == 200
    assert any(MOVE in t.user_attrs for t in full(again))


def test_where_no_move_fits_any_more_the_best_goes_on_with_the_rest(
    worker: type[FakeWorker], graph: KnowledgeGraph, tmp_path: Path
) -> None:
    class EndsEarly(worker):  # type: ignore[valid-type,misc]
        """Until the rungs are over trainings end by themselves, and later ones are better."""

        def trained(self, task: Task) -> tuple[float, dict[str, Any] | Failed]:
            seconds, result = super().trained(task)
            if self.clock.now < 320:
                return seconds, result | {"stopped_by": "patience"}
            return seconds, result | {"valid": {**result["valid"], "mrr": result["best"] + 0.3}}

    EndsEarly.quality = staticmethod(by_rate)
    run, _ = started(EndsEarly, tmp_path, graph, FakeClock(), stage_one_share=None)
    two_stage(run, graph)
    last = full(run)[-1]
    assert AGAIN in last.user_attrs
    assert MOVE in run.root(run.store.study("full", SAMPLERS["random"]()), last).user_attrs
    assert run.elapsed > 560


def carried_out(
    worker: type[FakeWorker],
    folder: Path,
    graph: KnowledgeGraph,
    monkeypatch: pytest.MonkeyPatch,
    whole: float,
) -> tuple[TuneResult, FakeWorker, float]:
    """A run of ten minutes where ranking test with one model takes `whole` seconds; also what the clock shows."""
    monkeypatch.setattr(carry_out.kernels, "cold", lambda: False)
    worker.quality = staticmethod(by_rate)
    worker.test_triples = len(graph.test)
    worker.seconds_a_triple = whole / len(graph.test)
    clock = FakeClock()
    settings = TuneSettings(models=("complex",), budget=Budget(seconds=600.0), seed=0, subgraph_ratio=0.5)
    run_folder, fake = _folder(folder), worker(clock)
    return carry_out.carry_out(run_folder, settings, graph, Silent(), clock, executor=fake), fake, clock.now


@pytest.mark.parametrize("whole", [1.0, 50.0])
def test_trainings_end_so_early_that_all_of_test_is_ranked_within_the_budget(
    worker: type[FakeWorker],
    graph: KnowledgeGraph,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    whole: float,
) -> None:
    result, fake, now = carried_out(worker, tmp_path, graph, monkeypatch, whole)
    assert [task.size for task in fake.rankings] == [None, None]  # the best and the default
    assert result.test is not None
    assert result.test.sample is None
    assert 540 < now <= 600


def test_a_test_split_that_cannot_be_ranked_in_time_is_ranked_on_one_sample_and_that_is_said(
    worker: type[FakeWorker], graph: KnowledgeGraph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result, fake, now = carried_out(worker, tmp_path, graph, monkeypatch, 300.0)
    assert 540 < now <= 600
    best, default = fake.rankings
    assert best.size is not None
    assert 300 < best.size < len(graph.test)
    assert (default.size, default.seed) == (best.size, best.seed)
    assert result.test is not None
    assert result.test.sample == Sample(best.size, len(graph.test), 0.5 / best.size**0.5)
    kept = RunFolder(tmp_path).read("results.json")
    assert (
        Evaluation.from_mapping(kept["test"]) == Evaluation.from_mapping(kept["default_test"]) == result.test
    )
    log = (tmp_path / "log.txt").read_text()
    assert (
        f"a random sample of {best.size:,} of the {len(graph.test):,} triples was ranked; the standard err"
        in log
    )
    assert f"All of them: kgtuner evaluate {tmp_path} --split test" in log


def test_a_number_of_trials_ranks_all_of_test_however_long_it_takes(
    worker: type[FakeWorker], graph: KnowledgeGraph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carry_out.kernels, "cold", lambda: False)
    worker.test_triples, worker.seconds_a_triple = len(graph.test), 10.0
    clock = FakeClock()
    settings = TuneSettings(models=("complex",), budget=Budget(trials=3), seed=0, subgraph_ratio=0.5)
    fake = worker(clock)
    carry_out.carry_out(_folder(tmp_path), settings, graph, Silent(), clock, executor=fake)
    assert {task.size for task in fake.rankings} == {None}


def test_what_came_before_the_first_training_counts_in_the_budget(
    worker: type[FakeWorker], graph: KnowledgeGraph, tmp_path: Path
) -> None:
    clock = FakeClock()
    clock.now = 100.0
    settings = TuneSettings(models=("complex",), budget=Budget(seconds=600.0), seed=0)
    run = TuningRun(_folder(tmp_path), settings, Silent(), clock, worker(clock), began=70.0)
    assert run.elapsed == 30.0


@pytest.mark.parametrize("times", [1.0, 1.5, 2.0])
@pytest.mark.parametrize("slots", [1, 2])
def test_a_few_full_trainings_are_not_exceeded(
    worker: type[FakeWorker], graph: KnowledgeGraph, tmp_path: Path, times: float, slots: int
) -> None:
    class Slow(worker):  # type: ignore[valid-type,misc]
        def trained(self, task: Task) -> tuple[float, dict[str, Any] | Failed]:
            seconds, result = super().trained(task)
            if task.config["training"]["max_seconds"] is None:
                return seconds + 195.0, {**result, "seconds": 200.0, "training_seconds": 200.0}
            return seconds, result

    Slow.slots = slots
    clock = FakeClock()
    settings = TuneSettings(
        models=("complex",), budget=Budget.of(f"{times}x", None), seed=0, subgraph_ratio=0.5
    )
    run = TuningRun(_folder(tmp_path), settings, Silent(), clock, Slow(clock))
    two_stage(run, graph)
    assert clock.now <= 200.3 * times + 1


@pytest.mark.parametrize("slots", [1, 2])
def test_the_first_training_is_booked_to_the_full_graph(
    worker: type[FakeWorker], graph: KnowledgeGraph, tmp_path: Path, slots: int
) -> None:
    worker.slots = slots
    worker.stopped_by = "patience"
    run, _ = started(worker, tmp_path, graph, FakeClock(), stage_one_share=None)
    two_stage(run, graph)
    for stage in ("subgraph", "full"):
        spent = sum(
            t.user_attrs[RESULT]["seconds"] for t in run.store.trials(stage) if RESULT in t.user_attrs
        )
        again = [t for t in run.store.trials(stage) if AGAIN in t.user_attrs]
        assert again or spent / slots <= run.stage_seconds[stage] + 1.0
    assert sum(run.stage_seconds.values()) == pytest.approx(run.elapsed, abs=2.0)


def test_a_mean_rank_that_hardly_falls_any_more_is_not_far_from_its_end(
    worker: type[FakeWorker], graph: KnowledgeGraph, tmp_path: Path
) -> None:
    class Ranked(worker):  # type: ignore[valid-type,misc]
        def trained(self, task: Task) -> tuple[float, dict[str, Any] | Failed]:
            seconds, result = super().trained(task)
            result["best"] = -100.0
            result["valid"] |= {"mean_rank": 100.0}
            result["curve"] = [
                {"step": step, "metric": -rank}
                for step, rank in ((25, 130), (50, 103), (75, 102), (100, 100))
            ]
            return seconds, result

    run, _ = started(Ranked, tmp_path, graph, FakeClock(), stage_one_share=None, metric="mean_rank")
    two_stage(run, graph)
    spent = sum(t.user_attrs[RESULT]["seconds"] for t in run.store.trials("subgraph"))
    assert spent > 0.24 * 575  # half, less the first training: two of it fit into the budget
