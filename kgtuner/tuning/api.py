"""The public functions: tune, resume, train, evaluate, load_run."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any

from kgtuner.config import TrialConfig
from kgtuner.defaults import default_config
from kgtuner.errors import ConfigError, RunError
from kgtuner.evaluation.evaluator import Evaluation, evaluate_split
from kgtuner.evaluation.metrics import METRICS
from kgtuner.execution.storage import RESULT, storage_errors
from kgtuner.experiment import check, pick_device
from kgtuner.experiment import run as run_experiment
from kgtuner.files import full_disk_told
from kgtuner.graph.catalog import resolve_graph
from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.models import MODELS, Model
from kgtuner.prediction import LinkPredictor
from kgtuner.registry import lookup, unknown
from kgtuner.search.samplers import SAMPLERS
from kgtuner.space.loading import PRESETS, load_space
from kgtuner.training.parameters import save_parameters
from kgtuner.training.trainer import CurvePoint
from kgtuner.tuning.budget import Budget
from kgtuner.tuning.events import Observer, Silent
from kgtuner.tuning.loading import load_predictor, load_tuned
from kgtuner.tuning.problems import problems
from kgtuner.tuning.result import TuneResult, best_trial, stage_summaries, trial_table
from kgtuner.tuning.run_folder import FORMAT, RunFolder, environment
from kgtuner.tuning.running import DEFAULT, TuningRun, found_config
from kgtuner.tuning.settings import TuneSettings
from kgtuner.tuning.two_stage import two_stage
from kgtuner.types import SPLITS, Clock, Split

GraphLike = KnowledgeGraph | str | Path


def tune(
    graph: GraphLike,
    *,
    model: str | Sequence[str] = "complex",
    budget: str | float | None = None,
    trials: int | None = None,
    seed: int = 0,
    output: str | Path | None = None,
    metric: str = "mrr",
    space: str | Path = "broad",
    algorithm: str = "rf_bore",
    two_stages: bool = True,
    stage_one_share: float = 0.5,
    subgraph_ratio: float = 0.2,
    device: str = "auto",
    threads: int | None = None,
    max_steps: int | None = None,
    try_default: bool = True,
    observer: Observer | None = None,
    clock: Clock = time.monotonic,
) -> TuneResult:
    """Find the configuration that validates best within a budget, and train it.

    Args:
        graph: a graph, the name of a data set, or the path of a folder or file of triples.
        model: a model name, several names (in a list or joined by commas) to search over all of them.
        budget: "30m", "2h", seconds, or "3x" for full-training equivalents; or give `trials`.
        trials: number of trainings over both stages.
        seed: same seed, same machine, budget in trials: same result.
        output: the run folder; by default runs/<graph>-<model>.
        metric: what validation maximises.
        space: "broad", "reduced" (the paper's), "full" or a YAML file.
        algorithm: a name from `SAMPLERS`.
        two_stages: False to search on the full graph only.
        stage_one_share: share of the budget for the subgraph.
        subgraph_ratio: share of the entities that the subgraph is sampled to have.
        device: "auto", "cpu", "cuda", …
        threads: CPU threads of a training; None for one.
        max_steps: upper limit of the optimiser steps of any trial.
        try_default: False leaves the default configuration out, to compare searches with each other.
        observer: told of everything that happens.
        clock: seconds that only grow.

    Raises:
        ConfigError: for a name or value that cannot work; nothing was started.
        DataError: for a graph that cannot be read or used.
        RunError: when the run folder is in use or holds another run.
    """
    models = tuple(name.strip() for name in model.split(",")) if isinstance(model, str) else tuple(model)
    settings = TuneSettings(
        models=models,
        budget=Budget.of(budget, trials),
        seed=seed,
        metric=metric,
        space=str(space),
        algorithm=algorithm,
        two_stages=two_stages,
        stage_one_share=stage_one_share,
        subgraph_ratio=subgraph_ratio,
        device=device,
        threads=threads,
        max_steps=max_steps,
        try_default=try_default,
    )
    _check(settings)
    graph = _graph(graph, seed)
    if len(graph.valid) == 0 or len(graph.test) == 0:
        empty = "valid" if len(graph.valid) == 0 else "test"
        raise ConfigError(f"{graph.name} has an empty {empty} split; give one file or frame to have it split")
    folder = RunFolder(output if output is not None else Path("runs") / f"{graph.name}-{'-'.join(models)}")
    _require_no_run(folder)
    folder.create()
    folder.lock()
    try:
        _require_no_run(folder)  # again: now nobody else can begin one
        with folder.all_or_nothing():
            graph.save(folder.graph)
            if settings.space not in PRESETS:
                folder.write_text(folder.space.name, Path(settings.space).read_text(encoding="utf-8"))
            folder.write("run.json", _tuning_record(settings, graph))
        settings = _with_own_space(folder, settings)
        return _carry_out(folder, settings, graph, observer or Silent(), clock, problems(graph))
    finally:
        folder.unlock()


def resume(
    output: str | Path, *, observer: Observer | None = None, clock: Clock = time.monotonic
) -> TuneResult:
    """Go on with a run that was interrupted, killed or lost its power: same budget, same history.

    A run that ended is returned as it is.

    Raises:
        RunError: when the folder is no run, is damaged, or another process works in it.
    """
    folder = RunFolder(output)
    run = folder.read("run.json")
    if run.get("kind") != "tune":
        raise RunError(f"{output} is a single training; go on with it by: kgtuner train … --output {output}")
    settings = _with_own_space(folder, TuneSettings.from_mapping(run.get("settings", {})))
    _check(settings)
    if (folder.path / "results.json").exists() and folder.read("results.json").get(
        "stopped_by"
    ) != "interrupted":
        return load_tuned(folder)
    folder.lock()
    try:
        graph = KnowledgeGraph.load(folder.graph)
        if graph.fingerprint != run.get("fingerprint"):
            raise RunError(
                f"{folder.graph} is not the graph that the run in {folder.path} began with; "
                "restore it or start a new run"
            )
        return _carry_out(folder, settings, graph, observer or Silent(), clock)
    finally:
        folder.unlock()


@dataclass(frozen=True)
class TrainResult:
    """One training and where it lies.

    Attributes:
        report: `RunResult.to_mapping()`.
        output: the folder, None when nothing was written.
        model: ready to predict and to be evaluated.
    """

    report: dict[str, Any]
    output: Path | None
    model: LinkPredictor

    def to_mapping(self) -> dict[str, Any]:
        return {**self.report, "output": None if self.output is None else str(self.output)}


def train(
    graph: GraphLike,
    config: TrialConfig | str | Path | None = None,
    *,
    model: str = "complex",
    seed: int = 0,
    output: str | Path | None = None,
    metric: str = "mrr",
    device: str = "auto",
    threads: int | None = None,
    on_validation: Callable[[CurvePoint], None] = lambda point: None,
    on_note: Callable[[str], None] = lambda message: None,
) -> TrainResult:
    """Train one configuration.

    Args:
        graph: as for `tune`.
        config: a configuration or a YAML file; None takes the default configuration of `model`.
        model: used when `config` is None.
        seed: of everything random.
        output: a folder to keep it in. A training interrupted there goes on; one that ended is returned.
        metric: what validation maximises.
        device, threads: as for `tune`.
        on_validation: called after each validation.
        on_note: called with each problem of the graph, such as test triples that stand in train.

    Raises:
        ConfigError, DataError, RunError: before anything is trained.
        TrialFailed: when the training ends without a result.
    """
    if config is None:
        lookup("model", model, MODELS)
        config = default_config(model)
    elif not isinstance(config, TrialConfig):
        config = TrialConfig.load(config)
    check(config)
    pick_device(device)
    if metric not in METRICS:
        raise ConfigError(unknown("metric", metric, METRICS))
    if threads is not None and threads < 1:
        raise ConfigError(f"threads must be at least 1, got {threads}")
    graph = _graph(graph, seed)
    if output is None:
        _tell(problems(graph), on_note)
        with _threads(threads or 1):
            result = run_experiment(
                config, graph, seed=seed, metric=metric, device=device, on_validation=on_validation
            )
        return TrainResult(result.to_mapping(), None, LinkPredictor(result.model, graph))
    folder = RunFolder(output)
    if folder.exists:
        _require_same_training(folder, config, graph, seed, metric)
        if (folder.path / "results.json").exists():
            return TrainResult(folder.read("results.json"), folder.path, load_predictor(folder.path))
    folder.create()
    folder.lock()
    try:
        if not folder.exists:
            with folder.all_or_nothing():
                graph.save(folder.graph)
                folder.write_text(
                    "best.yaml", "# kgtuner train GRAPH --config best.yaml\n" + config.to_yaml()
                )
                folder.write("run.json", _training_record(config, graph, seed, metric))
        _tell(problems(graph), on_note)
        with _threads(threads or 1):
            result = run_experiment(
                config,
                graph,
                seed=seed,
                metric=metric,
                device=device,
                checkpoint=folder.checkpoint,
                on_validation=on_validation,
            )
        save_parameters(result.model, folder.best_model, graph.fingerprint)
        folder.write("results.json", result.to_mapping())
        folder.checkpoint.unlink(missing_ok=True)
        return TrainResult(result.to_mapping(), folder.path, LinkPredictor(result.model, graph))
    finally:
        folder.unlock()


def evaluate(
    run: str | Path | TuneResult | TrainResult | LinkPredictor | Model,
    graph: KnowledgeGraph | None = None,
    *,
    split: str = "test",
) -> Evaluation:
    """Filtered, realistic ranking metrics of a model on a split, over all entities and both directions.

    Args:
        run: a run folder, a result, a predictor, or a model (then give its graph).
        graph: needed with a model only, of which just the sizes can be compared with it.
        split: "test" or "valid".

    Raises:
        ConfigError: for an unknown split.
        RunError: when the run has no model, or the graph is another one.
    """
    if split not in SPLITS:
        raise ConfigError(unknown("split", split, SPLITS))
    chosen: Split = next(name for name in SPLITS if name == split)
    if isinstance(run, Model):
        if graph is None:
            raise ConfigError("a model alone does not know its graph; call evaluate(model, graph)")
        return evaluate_split(run, graph, chosen)
    if isinstance(run, str | Path):
        run = load_predictor(run)
    elif isinstance(run, TuneResult):
        run = run.load_model()
    elif isinstance(run, TrainResult):
        run = run.model
    if graph is not None and graph.fingerprint != run.graph.fingerprint:
        raise RunError(
            f"the model was trained on another graph than the {graph.name} given; "
            "give the graph it was trained on, or none"
        )
    return evaluate_split(run.model, graph or run.graph, chosen)


def load_run(path: str | Path) -> TuneResult | TrainResult:
    """The result of a run folder, tuned or trained.

    Raises:
        RunError: when it is no run, is damaged, or has not ended.
    """
    folder = RunFolder(path)
    if folder.read("run.json").get("kind") == "tune":
        return load_tuned(folder)
    return TrainResult(folder.read("results.json"), folder.path, load_predictor(folder.path))


# ---------------------------------------------------------------------- inside


def _carry_out(
    folder: RunFolder,
    settings: TuneSettings,
    graph: KnowledgeGraph,
    observer: Observer,
    clock: Clock,
    notes: Sequence[str] = (),
) -> TuneResult:
    """Search until the budget is spent, then evaluate on test, once."""
    with storage_errors(folder.study), full_disk_told(folder.path):
        return _searched(TuningRun(folder, settings, observer, clock), graph, notes)


def _searched(run: TuningRun, graph: KnowledgeGraph, notes: Sequence[str]) -> TuneResult:
    stopped_by = "budget" if run.settings.budget.trials is None else "trials"
    with _interrupted_once() as ignore_more:
        try:
            _tell(notes, run.note)
            two_stage(run, graph)
            result = _conclude(run, stopped_by, evaluate_test=True)
        except KeyboardInterrupt:
            ignore_more()
            run.worker.stop(kill=True)
            run.end_stage()
            result = _conclude(run, "interrupted", evaluate_test=False)
            run.note("Interrupted; what was found so far is kept.")
        finally:
            run.close(kill=True)
    return result


def _conclude(run: TuningRun, stopped_by: str, *, evaluate_test: bool) -> TuneResult:
    """Pick the best trial, write it down, and evaluate it and the default configuration on test."""
    full = run.store.trials("full")
    best = best_trial(full)
    default = best_trial([trial for trial in full if trial.user_attrs.get(DEFAULT)])
    chosen = best or best_trial(run.store.trials("subgraph"))
    if chosen is None and stopped_by == "interrupted":
        raise KeyboardInterrupt  # nothing to report yet; the folder can be resumed
    if chosen is None:
        raise RunError(
            f"no trial has finished in {run.folder.path}; see {run.folder.log}, or give a larger budget"
        )
    run.publish_best(chosen)  # first: whatever happens on test, what was found can be used
    test = default_test = None
    if evaluate_test and best is not None:
        test = run.evaluate(best, "test")
        if default is not None:
            default_test = test if default.number == best.number else run.evaluate(default, "test")
    table = trial_table(run.store)
    run.folder.write_text("trials.csv", table.to_csv(index=False))
    result = TuneResult(
        output=run.folder.path,
        best_config=found_config(chosen),
        best_metrics=chosen.user_attrs[RESULT]["valid"],
        test=None if test is None else Evaluation.from_mapping(test),
        default_test=None if default_test is None else Evaluation.from_mapping(default_test),
        default_metrics=None if default is None else default.user_attrs[RESULT]["valid"],
        trials=table,
        stages=stage_summaries(run.store, run.stage_seconds),
        seconds=run.elapsed,
        stopped_by=stopped_by,
        metric=run.settings.metric,
        peak_rss_mb=run.peak_rss_mb,
    )
    run.folder.write("results.json", {"format": FORMAT, **result.summary()})
    run.save_state(force=True)
    return result


def _check(settings: TuneSettings) -> None:
    """Refuse what cannot work before anything is started."""
    for name in settings.models:
        lookup("model", name, MODELS)
    lookup("algorithm", settings.algorithm, SAMPLERS)
    if settings.metric not in METRICS:
        raise ConfigError(unknown("metric", settings.metric, METRICS))
    pick_device(settings.device)
    load_space(settings.space, settings.models)


def _graph(graph: GraphLike, seed: int) -> KnowledgeGraph:
    return graph if isinstance(graph, KnowledgeGraph) else resolve_graph(str(graph), seed=seed)


def _tuning_record(settings: TuneSettings, graph: KnowledgeGraph) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "kind": "tune",
        "graph": graph.name,
        "fingerprint": graph.fingerprint,
        "settings": settings.to_mapping(),
        "environment": environment(),
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }


def _training_record(config: TrialConfig, graph: KnowledgeGraph, seed: int, metric: str) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "kind": "train",
        "graph": graph.name,
        "fingerprint": graph.fingerprint,
        "seed": seed,
        "metric": metric,
        "config": config.to_mapping(),
        "environment": environment(),
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }


def _require_no_run(folder: RunFolder) -> None:
    if folder.exists:
        raise RunError(
            f"{folder.path} holds a run already; go on with it by: kgtuner tune --resume {folder.path}, "
            "or choose another --output"
        )


def _with_own_space(folder: RunFolder, settings: TuneSettings) -> TuneSettings:
    """The settings with a user's space taken from the run folder, whatever became of the original file."""
    if settings.space in PRESETS:
        return settings
    if not folder.space.exists():
        raise RunError(
            f"{folder.path} is damaged: {folder.space.name}, the copy of {settings.space}, is missing; "
            "restore it or start a new run"
        )
    return replace(settings, space=str(folder.space))


def _require_same_training(
    folder: RunFolder, config: TrialConfig, graph: KnowledgeGraph, seed: int, metric: str
) -> None:
    there = folder.read("run.json")
    wanted = {
        "kind": "train",
        "fingerprint": graph.fingerprint,
        "seed": seed,
        "metric": metric,
        "config": config.to_mapping(),
    }
    for key, value in wanted.items():
        if there.get(key) != value:
            what = {"kind": "kind of run", "fingerprint": "graph", "config": "configuration"}.get(key, key)
            raise RunError(f"{folder.path} holds a run with another {what}; choose another --output")


def _tell(messages: Sequence[str], listener: Callable[[str], None]) -> None:
    for message in messages:
        listener(message)


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Let torch compute with so many CPU threads, and with as many as before afterwards."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _interrupted_once() -> Iterator[Callable[[], None]]:
    """Let the first SIGINT or SIGTERM end a run, and ignore those after it while the run concludes.

    A handler that the program has set for one of the two stays as it is, and so does everything outside of
    the main thread, where signals do not arrive.

    Yields:
        What makes later signals ignored if an interruption came in another way.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    standard = (signal.SIG_DFL, signal.default_int_handler)
    ours = [s for s in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(s) in standard]

    def ignore_more() -> None:
        for each in ours:
            signal.signal(each, signal.SIG_IGN)

    def interrupt(number: int, frame: FrameType | None) -> None:
        ignore_more()
        raise KeyboardInterrupt

    before = {each: signal.signal(each, interrupt) for each in ours}
    try:
        yield ignore_more
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
