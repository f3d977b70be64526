"""From a run folder to everything its report shows: the one place that knows where things lie."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from optuna.trial import FrozenTrial

from kgtuner.defaults import default_config
from kgtuner.errors import KGTunerError, RunError
from kgtuner.execution.storage import RESULT, TrialStore
from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.plots.importance import importances
from kgtuner.report.html.examples import RelationExamples, relation_examples
from kgtuner.report.html.published import Published, published_for
from kgtuner.tuning.evidence import curves_of, pairs_of, relations_of, spent_of, stored_trials
from kgtuner.tuning.fidelity import comparable
from kgtuner.tuning.found import found_config
from kgtuner.tuning.kept_models import AGAIN, DEFAULT
from kgtuner.tuning.loading import load_predictor
from kgtuner.tuning.result import STAGES, best_trial, stage_summaries, trial_table
from kgtuner.tuning.run_folder import RunFolder
from kgtuner.tuning.settings import TuneSettings

if TYPE_CHECKING:
    import pandas as pd

State = Literal["finished", "interrupted", "running", "unfinished"]


@dataclass(frozen=True)
class Best:
    """The best configuration found so far.

    Attributes:
        yaml: as in best.yaml, without the limits of its trial.
        flat: by dotted name.
        stage, number: its trial.
        default: whether it is the default configuration.
        seconds, steps: of its training.
    """

    yaml: str
    flat: dict[str, Any]
    stage: str
    number: int
    default: bool
    seconds: float
    steps: int


@dataclass(frozen=True)
class RunReport:
    """What the report of a tuning run shows.

    Attributes:
        folder: the run folder.
        state: "unfinished" when nobody works on it and it has no result, as after a power cut.
        settings, environment, started: as asked for and recorded when the run began.
        executor: where its trials ran and how many at once, as `Executor.describe`; empty for a run of format 1.
        graph: sizes and name of the graph.
        best: None before the first trial has a value.
        valid, test: metrics of the best; test also by_relation and by_category. None where there are none.
        default_valid, default_test: the same of the default configuration's own trial.
        default_seconds: how long that one trained.
        default_flat: the default configuration of the best's model by dotted name, of its own trial where it has one.
        published: what others reached on test.
        trials: as `TuneResult.trials`, and `message` (why a trial failed, in a sentence).
        pairs: configurations that were trained on both graphs: subgraph, full (values), subgraph_trial,
            full_trial, default.
        importances, curves: by stage; see `kgtuner.plots`.
        relations: name, category, count, mrr, hits_at_1, hits_at_10, train (triples); empty before the test.
        examples: empty where there is no model or no test yet.
        spent: part, what, seconds.
        stages: trials and failures of each stage.
        seconds: budget used; stopped_by, peak_rss_mb: None while the run goes on.
        notes: what could not be shown, and why.
    """

    folder: Path
    state: State
    settings: TuneSettings
    environment: Mapping[str, Any]
    executor: Mapping[str, Any]
    started: str
    fingerprint: str
    graph: Mapping[str, Any]
    best: Best | None
    valid: Mapping[str, Any] | None
    test: Mapping[str, Any] | None
    default_valid: Mapping[str, Any] | None
    default_test: Mapping[str, Any] | None
    default_seconds: float | None
    default_flat: dict[str, Any] | None
    published: list[Published]
    trials: pd.DataFrame
    pairs: pd.DataFrame
    importances: dict[str, pd.DataFrame]
    curves: dict[str, list[dict[str, Any]]]
    relations: pd.DataFrame
    examples: list[RelationExamples]
    spent: pd.DataFrame
    stages: list[dict[str, Any]]
    seconds: float
    stopped_by: str | None
    peak_rss_mb: float | None
    written: str
    notes: list[str]

    @property
    def metric(self) -> str:
        return self.settings.metric


def read_run(path: str | Path, *, with_examples: bool = True) -> RunReport:
    """Read a tuning run, in whatever state it is. Nothing in its folder changes.

    Args:
        path: the run folder.
        with_examples: False spares loading the model.

    Raises:
        RunError: when it is no tuning run, or is damaged.
    """
    folder = RunFolder(path)
    run = folder.read("run.json")
    if run.get("kind") != "tune":
        raise RunError(f"{path} is a single training, which has no trials; give the --output of kgtuner tune")
    settings = TuneSettings.from_mapping(run.get("settings", {}))
    results = folder.read("results.json") if (folder.path / "results.json").exists() else None
    state = _state(folder, results)
    if state == "running":
        results = None  # of an earlier sitting
    progress = folder.read("state.json") if (folder.path / "state.json").exists() else {}
    graph = KnowledgeGraph.load(folder.graph, verify=False)
    stored: dict[str, list[FrozenTrial]] = {stage: [] for stage in STAGES}
    table, stages = _no_trials(), []
    if folder.has_trials:
        stored = stored_trials(folder)
        once = cast(TrialStore, _Read(stored))
        table = trial_table(once, settings.subgraph_ratio)
        stages = stage_summaries(once, progress.get("stage_seconds", {}))
    table = _completed(table, stored)
    chosen = best_trial(stored["full"]) or best_trial(comparable(stored["subgraph"]))
    best = _best(chosen, stored)
    default = best_trial([t for t in stored["full"] if DEFAULT in t.user_attrs])
    test = None if results is None else results.get("test")
    relations = relations_of(graph, test)
    notes: list[str] = []
    examples: list[RelationExamples] = []
    if with_examples and len(relations) and folder.best_model.exists():
        try:
            examples = relation_examples(load_predictor(folder.path), relations)
        except KGTunerError as error:
            notes.append(f"There are no examples of predictions: {error}")
    seconds = float((results or {}).get("seconds", progress.get("elapsed", 0.0)))
    model = best.flat["model.name"] if best is not None else settings.models[0]
    return RunReport(
        folder=folder.path,
        state=state,
        settings=settings,
        environment=run.get("environment", {}),
        executor=run.get("executor") or {},
        started=str(run.get("started", "")),
        fingerprint=str(run.get("fingerprint", "")),
        graph={
            "name": graph.name,
            "entities": graph.n_entities,
            "relations": graph.n_relations,
            "train": len(graph.train),
            "valid": len(graph.valid),
            "test": len(graph.test),
        },
        best=best,
        valid=None if chosen is None else chosen.user_attrs[RESULT]["valid"],
        test=test,
        default_valid=None if default is None else default.user_attrs[RESULT]["valid"],
        default_test=None if results is None else results.get("default_test"),
        default_seconds=None if default is None else float(default.user_attrs[RESULT]["seconds"]),
        default_flat=None if best is None else _default_flat(str(model), graph, stored["full"]),
        published=published_for(graph, model),
        trials=table,
        pairs=pairs_of(stored, settings.subgraph_ratio),
        importances={stage: importances(table, stage) for stage in STAGES if stored[stage]},
        curves={stage: curves_of(trials) for stage, trials in stored.items() if trials},
        relations=relations,
        examples=examples,
        spent=spent_of(stored, progress.get("stage_seconds", {}), seconds),
        stages=stages,
        seconds=seconds,
        stopped_by=None if results is None else results.get("stopped_by"),
        peak_rss_mb=None if results is None else results.get("peak_rss_mb"),
        written=time.strftime("%Y-%m-%d %H:%M:%S %Z"),
        notes=notes,
    )


@dataclass(frozen=True)
class _Read:
    """Trials that have been read already, in the place of the store: reading a thousand takes seconds."""

    stored: Mapping[str, list[FrozenTrial]]

    def trials(self, name: str) -> list[FrozenTrial]:
        return self.stored[name]


def _state(folder: RunFolder, results: Mapping[str, Any] | None) -> State:
    """A run that somebody works on holds the lock of its folder."""
    try:
        with open(folder.path / "lock", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return "running" if results is None or results.get("stopped_by") == "interrupted" else "finished"
    except OSError:
        pass  # no lock: nobody works there
    if results is None:
        return "unfinished"
    return "interrupted" if results.get("stopped_by") == "interrupted" else "finished"


def _no_trials() -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(
        columns=[
            "stage",
            "fidelity",
            "number",
            "state",
            "default",
            "value",
            "reason",
            "seconds",
            "steps",
            "elapsed",
        ]
    )


def _completed(table: pd.DataFrame, stored: Mapping[str, list[FrozenTrial]]) -> pd.DataFrame:
    """The table of trials with `again` and `message`; running trials are no failures."""
    trials = [t for stage in STAGES for t in stored[stage]]
    states = [t.state.is_finished() for t in trials]
    return table.assign(
        again=[t.user_attrs.get(AGAIN) for t in trials],
        message=[t.user_attrs.get("message") for t in trials],
        state=[
            state if done else "running" for state, done in zip(table["state"].tolist(), states, strict=True)
        ],
    )


def _best(chosen: FrozenTrial | None, stored: Mapping[str, list[FrozenTrial]]) -> Best | None:
    if chosen is None:
        return None
    config = found_config(chosen)
    result = chosen.user_attrs[RESULT]
    stage = "full" if any(chosen is t for t in stored["full"]) else "subgraph"
    return Best(
        yaml=config.to_yaml(),
        flat=config.flat(),
        stage=stage,
        number=chosen.number,
        default=DEFAULT in chosen.user_attrs,
        seconds=float(result["seconds"]),
        steps=int(result["steps"]),
    )


def _default_flat(model: str, graph: KnowledgeGraph, trials: list[FrozenTrial]) -> dict[str, Any]:
    """A model's default configuration as it was trained on the full graph, or as it would be."""
    own = best_trial([t for t in trials if t.user_attrs.get(DEFAULT) == model])
    if own is not None:
        return found_config(own).flat()
    return default_config(model, graph).flat()
