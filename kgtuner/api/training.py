"""Train one configuration, in a folder of its own or in memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kgtuner.api.graphs import GraphLike, as_graph
from kgtuner.config import TrialConfig
from kgtuner.defaults import default_config
from kgtuner.errors import ConfigError, RunError, TrialFailed
from kgtuner.evaluation.metrics import METRICS, objective
from kgtuner.experiment import RunResult, pick_device
from kgtuner.experiment import run as run_experiment
from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.models import MODELS
from kgtuner.parts import check
from kgtuner.prediction import LinkPredictor
from kgtuner.registry import lookup, unknown
from kgtuner.report.display import observers_or_lines
from kgtuner.tracking.events_file import EventsFile
from kgtuner.training.parameters import save_parameters
from kgtuner.training.trainer import CurvePoint
from kgtuner.tuning.events import (
    Event,
    Note,
    Observer,
    RunEnded,
    RunStarted,
    TrialEnded,
    TrialProgress,
    TrialStarted,
)
from kgtuner.tuning.loading import load_predictor
from kgtuner.tuning.memory_plan import fitted, size_of
from kgtuner.tuning.problems import problems
from kgtuner.tuning.raising import form_of, free_memory, is_gpu, require_memory, usable
from kgtuner.tuning.run_folder import FORMAT, RunFolder, environment
from kgtuner.tuning.trained import TrainResult
from kgtuner.tuning.watching import Watchers

IN_MEMORY = Path("training")
"""What observers are told as the place of a training that is kept nowhere."""


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
    observer: Observer | Sequence[Observer] | None = None,
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
        observer: as for `tune`; the training is trial 0 of the stage "full", and its clock begins at each sitting.
        on_validation: called after each validation.
        on_note: called with each problem of the graph, such as test triples that stand in train, and of observers.

    Raises:
        ConfigError, DataError, RunError: before anything is trained.
        TrialFailed: when the training ends without a result.
    """
    own = config is None
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
    graph = as_graph(graph, seed)
    size, free = size_of(graph), free_memory(device)
    host = free_memory("cpu") if is_gpu(device) else None
    begun = None if output is None or not own else _begun(RunFolder(output), model)
    if begun is not None:
        config = begun  # what fits into memory may be another dimension now
    elif own:
        config = fitted(default_config(model, graph), size, *usable(free, host))
    fits = require_memory(config, size, free, host)  # what is asked for stays what the folder says
    if (form := form_of(fits, config)) is not None:
        on_note(f"trained with {form}, to fit into memory")
    watching = observers_or_lines(observer, metric)
    asked_for = {"metric": metric, "seed": seed, "device": device, "threads": threads}
    if output is None:
        started = RunStarted(IN_MEMORY, graph.name, asked_for, resumed=False)
        with _threads(threads or 1):
            result = _watched(
                started,
                fits,
                graph,
                watching,
                on_validation,
                on_note,
                seed=seed,
                metric=metric,
                device=device,
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
        resumed = folder.exists
        if not resumed:
            with folder.all_or_nothing():
                graph.save(folder.graph)
                folder.write_text(
                    "best.yaml", "# kgtuner train GRAPH --config best.yaml\n" + config.to_yaml()
                )
                folder.write("run.json", _training_record(config, graph, seed, metric))
        started = RunStarted(folder.path, graph.name, asked_for, resumed)
        if folder.checkpoint.exists():
            on_note(f"{folder.path}: goes on from its last checkpoint")
        with _threads(threads or 1):
            result = _watched(
                started,
                fits,
                graph,
                [EventsFile(folder.events), *watching],
                on_validation,
                on_note,
                seed=seed,
                metric=metric,
                device=device,
                checkpoint=folder.checkpoint,
            )
        save_parameters(result.model, folder.best_model, graph.fingerprint)
        folder.write("results.json", result.to_mapping())
        folder.checkpoint.unlink(missing_ok=True)
        return TrainResult(result.to_mapping(), folder.path, LinkPredictor(result.model, graph, folder.path))
    finally:
        folder.unlock()


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


def _begun(folder: RunFolder, model: str) -> TrialConfig | None:
    """The configuration of a training of this model that a folder holds, None without one."""
    if not folder.exists or (there := folder.read("run.json")).get("kind") != "train":
        return None
    config = _recorded(folder, there)
    return config if config.model.name == model else None


def _recorded(folder: RunFolder, there: dict[str, Any]) -> TrialConfig:
    try:
        return TrialConfig.from_mapping(there["config"])
    except (KeyError, ConfigError) as error:
        raise RunError(f"{folder.path / 'run.json'} is damaged ({error}); start a new run") from None


def _require_same_training(
    folder: RunFolder, config: TrialConfig, graph: KnowledgeGraph, seed: int, metric: str
) -> None:
    there = folder.read("run.json")
    wanted = {
        "kind": "train",
        "fingerprint": graph.fingerprint,
        "seed": seed,
        "metric": metric,
    }
    same = {key: there.get(key) == value for key, value in wanted.items()}
    if same["kind"]:  # how it fits into memory is no part of what is trained
        recorded, asked = (
            c.limited(queries_at_once=None, tables_on="device") for c in (_recorded(folder, there), config)
        )
        same["config"] = recorded == asked
    for key, alike in same.items():
        if not alike:
            what = {"kind": "kind of run", "fingerprint": "graph", "config": "configuration"}.get(key, key)
            raise RunError(f"{folder.path} holds a run with another {what}; choose another --output")


def _watched(
    started: RunStarted,
    config: TrialConfig,
    graph: KnowledgeGraph,
    observers: Sequence[Observer],
    on_validation: Callable[[CurvePoint], None],
    on_note: Callable[[str], None],
    *,
    metric: str,
    **options: Any,
) -> RunResult:
    """Train, and tell it as a run of one trial on the full graph."""
    watchers, began = Watchers(observers), time.monotonic()

    def tell(event: Event) -> None:
        for left_out in watchers.tell(event, time.monotonic() - began, None):
            note(left_out.message)

    def note(message: str) -> None:
        on_note(message)
        tell(Note(message))

    def validated(point: CurvePoint) -> None:
        tell(TrialProgress("full", 0, point.step, point.seconds, point.metric, point.loss))
        on_validation(point)

    ended = RunEnded("failed")
    try:
        tell(started)
        for message in problems(graph):
            note(message)
        tell(TrialStarted("full", 0, config.flat()))
        result = run_experiment(config, graph, metric=metric, on_validation=validated, **options)
        value = objective(result.to_mapping()["valid"], metric)
        tell(TrialEnded("full", 0, value, None, result.seconds, True))
        valid = result.valid.to_mapping()
        found = {name: valid[name] for name in METRICS if name in valid}
        ended = RunEnded(result.stopped_by, config.flat(), found)
        return result
    except TrialFailed as error:
        seconds = time.monotonic() - began
        tell(TrialEnded("full", 0, None, f"{error.reason}: {error}", seconds, False))
        raise
    except KeyboardInterrupt:
        ended = RunEnded("interrupted")
        raise
    finally:
        tell(ended)


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
