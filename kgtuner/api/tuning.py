"""Tune a graph, and go on with a tuning that was interrupted."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from kgtuner.api.graphs import GraphLike, as_graph
from kgtuner.api.report import report_at_end
from kgtuner.errors import ConfigError, RunError
from kgtuner.evaluation.metrics import METRICS
from kgtuner.execution.executor import Executor
from kgtuner.execution.executors import executor_from
from kgtuner.execution.local import Local
from kgtuner.execution.storage import TrialStore
from kgtuner.experiment import pick_device
from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.models import MODELS
from kgtuner.registry import lookup, unknown
from kgtuner.report.display import observers_or_lines
from kgtuner.search.samplers import SAMPLERS
from kgtuner.search.strategies import STRATEGIES
from kgtuner.space.loading import PRESETS, load_space
from kgtuner.tracking.events_file import EventsFile
from kgtuner.tuning.algorithms import ALGORITHMS, default_space
from kgtuner.tuning.budget import Budget
from kgtuner.tuning.carry_out import carry_out
from kgtuner.tuning.default_workers import default_executor
from kgtuner.tuning.events import Observer
from kgtuner.tuning.finished import load_tuned
from kgtuner.tuning.problems import problems
from kgtuner.tuning.result import TuneResult
from kgtuner.tuning.run_folder import FORMAT, RunFolder, default_place, environment
from kgtuner.tuning.sampler_names import sampler_of
from kgtuner.tuning.settings import TuneSettings
from kgtuner.types import Clock

log = logging.getLogger(__name__)

READING_SHARE = 0.1
"""Of a budget, that reading the graph may take from it."""


def tune(
    graph: GraphLike,
    *,
    model: str | Sequence[str] = "complex",
    budget: str | float | None = None,
    trials: int | None = None,
    seed: int = 0,
    output: str | Path | None = None,
    metric: str = "mrr",
    space: str | Path | None = None,
    algorithm: str = "kgtuner",
    two_stages: bool = True,
    stage_one_share: float | None = None,
    subgraph_ratio: float = 0.2,
    device: str = "auto",
    threads: int | None = None,
    max_steps: int | None = None,
    try_default: bool = True,
    try_earlier: bool = True,
    executor: Executor | None = None,
    storage: str | None = None,
    observer: Observer | Sequence[Observer] | None = None,
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
        space: "broad", "reduced" (the paper's), "full", "whole" or a YAML file; by default what the algorithm was
            published with, "whole" for "racing" and "broad" for the others of ours.
        algorithm: "kgtuner", the name of a sampler that proposes in its stages ("tpe", "gp", "rf_ei", …), or a
            whole strategy: "toss", "grash", "autone" or "racing".
        two_stages: False to search on the full graph only.
        stage_one_share: share of the budget for the subgraph; None for a half, and less where the first training
            shows that the budget holds many full ones or hardly one.
        subgraph_ratio: share of the entities that the subgraph is sampled to have.
        device: "auto", "cpu", "cuda", …
        threads: CPU threads of a training; None for one.
        max_steps: upper limit of the optimiser steps of any trial.
        try_default: False leaves the default configuration out, to compare searches with each other.
        try_earlier: False lets "racing" begin without configurations that were good on other graphs.
        executor: where trials run and how many at once, such as `kt.Local(workers=2)` or `kt.Ray("10.0.0.1:6379")`;
            None for one worker process for each core under a clock, and for one alone where trials are counted, so
            that they can be repeated. It is closed in the end.
        storage: URL of a PostgreSQL database that keeps the trials, without a password; None for a file in the run
            folder.
        observer: told of everything that happens, beside the events.csv of the run folder; several in a list.
            None prints lines in a notebook and nothing elsewhere.
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
        space=default_space(algorithm) if space is None else str(space),
        algorithm=algorithm,
        two_stages=two_stages,
        stage_one_share=stage_one_share,
        subgraph_ratio=subgraph_ratio,
        device=device,
        threads=threads,
        max_steps=max_steps,
        try_default=try_default,
        try_earlier=try_earlier,
    )
    _check(settings)
    _check_devices(executor)
    watching = observers_or_lines(observer, settings.metric)
    notes: list[str] = []
    asked = clock()
    graph = as_graph(graph, seed, notes.append)
    began = _budget_began(asked, clock(), settings.budget)
    if not watching:
        for note in notes:
            log.warning(note)
    if len(graph.valid) == 0 or len(graph.test) == 0:
        empty = "valid" if len(graph.valid) == 0 else "test"
        raise ConfigError(f"{graph.name} has an empty {empty} split; give one file or frame to have it split")
    place = None if storage is None else _elsewhere(storage)
    folder = RunFolder(output if output is not None else default_place(graph.name, models))
    _require_no_run(folder)
    folder.create()
    folder.lock()
    try:
        _require_no_run(folder)  # again: now nobody else can begin one
        with folder.all_or_nothing():
            graph.save(folder.graph)
            if settings.space not in PRESETS:
                folder.write_text(folder.space.name, Path(settings.space).read_text(encoding="utf-8"))
            executor = executor or default_executor(settings, graph)
            about = {"executor": executor.describe(), "storage": place}
            folder.write("run.json", _tuning_record(settings, graph) | about)
        settings = _with_own_space(folder, settings)
        notes += problems(graph, notes)
        watchers = [EventsFile(folder.events), *watching]
        result = carry_out(folder, settings, graph, watchers, clock, notes, executor, began)
    finally:
        folder.unlock()
    report_at_end(folder.path)
    return result


def resume(
    output: str | Path,
    *,
    executor: Executor | None = None,
    observer: Observer | Sequence[Observer] | None = None,
    clock: Clock = time.monotonic,
) -> TuneResult:
    """Go on with a run that was interrupted, killed or lost its power: same budget, same history.

    A run that ended is returned as it is, unless its best could not be ranked on test, which is tried again.
    `observer` and `executor` are as for `tune`; without an executor it goes on with one like that with which it began.

    Raises:
        RunError: when the folder is no run, is damaged, or another process works in it.
    """
    folder = RunFolder(output)
    run = folder.read("run.json")
    if run.get("kind") != "tune":
        raise RunError(f"{output} is a single training; go on with it by: kgtuner train … --output {output}")
    settings = _with_own_space(folder, TuneSettings.from_mapping(run.get("settings", {})))
    _check(settings)
    results = folder.read("results.json") if (folder.path / "results.json").exists() else None
    if results and results.get("stopped_by") != "interrupted" and results.get("test_failed") is None:
        return load_tuned(folder)
    folder.lock()
    began = clock()
    try:
        graph = KnowledgeGraph.load(folder.graph)
        if graph.fingerprint != run.get("fingerprint"):
            raise RunError(
                f"{folder.graph} is not the graph that the run in {folder.path} began with; "
                "restore it or start a new run"
            )
        watching = [EventsFile(folder.events), *observers_or_lines(observer, settings.metric)]
        executor = executor or executor_from(run.get("executor") or Local().describe())
        _check_devices(executor)
        result = carry_out(folder, settings, graph, watching, clock, executor=executor, began=began)
    finally:
        folder.unlock()
    report_at_end(folder.path)
    return result


def _budget_began(asked: float, read: float, budget: Budget) -> float:
    """When the clock of a budget starts, by the clock before and after the graph was read.

    Reading counts, but as at most a tenth of the budget: the first reading of a large graph converts it, once on a
    machine.
    """
    took = read - asked
    return read - (took if budget.seconds is None else min(took, READING_SHARE * budget.seconds))


def _check(settings: TuneSettings) -> None:
    """Refuse what cannot work before anything is started."""
    for name in settings.models:
        lookup("model", name, MODELS)
    lookup("algorithm", settings.algorithm, ALGORITHMS)
    if settings.algorithm in STRATEGIES:
        _check_strategy(settings)
    SAMPLERS[sampler_of(settings.algorithm)]()  # refuses when the package it needs is not installed
    if settings.metric not in METRICS:
        raise ConfigError(unknown("metric", settings.metric, METRICS))
    pick_device(settings.device)
    load_space(settings.space, settings.models)


def _check_devices(executor: Executor | None) -> None:
    for device in getattr(executor, "devices", ()):
        pick_device(device)


def _check_strategy(settings: TuneSettings) -> None:
    """A whole strategy decides on stages and subgraphs itself, and counts in time."""
    name, usual = settings.algorithm, TuneSettings(models=settings.models, budget=settings.budget)
    if settings.budget.trials is not None:
        raise ConfigError(f"{name} spends a budget in time or in full trainings, got a number of trials")
    for setting in ("two_stages", "stage_one_share", "subgraph_ratio"):
        if getattr(settings, setting) != getattr(usual, setting):
            raise ConfigError(
                f"{name} has stages and subgraphs of its own: leave out {setting}, or choose another algorithm"
            )


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


def _elsewhere(storage: str) -> dict[str, str]:
    """Where the trials of a new run are kept in a shared database, checked before anything is started."""
    mark = uuid.uuid4().hex
    TrialStore(storage, mark).close()
    return {"url": storage, "run": mark}


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
