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
from kgtuner.errors import ConfigError, RunError
from kgtuner.evaluation.metrics import METRICS
from kgtuner.experiment import check, pick_device
from kgtuner.experiment import run as run_experiment
from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.models import MODELS
from kgtuner.prediction import LinkPredictor
from kgtuner.registry import lookup, unknown
from kgtuner.training.parameters import save_parameters
from kgtuner.training.trainer import CurvePoint
from kgtuner.tuning.loading import load_predictor
from kgtuner.tuning.problems import problems
from kgtuner.tuning.run_folder import FORMAT, RunFolder, environment
from kgtuner.tuning.trained import TrainResult


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
    graph = as_graph(graph, seed)
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
