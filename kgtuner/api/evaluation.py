"""Evaluate a run or a model, and load the result of a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from kgtuner.errors import ConfigError, RunError
from kgtuner.evaluation.evaluator import Evaluation, evaluate_split
from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.models import Model
from kgtuner.prediction import LinkPredictor
from kgtuner.registry import unknown
from kgtuner.tuning.loading import load_predictor
from kgtuner.tuning.run_folder import RunFolder
from kgtuner.tuning.trained import TrainResult
from kgtuner.types import SPLITS, Split

if TYPE_CHECKING:
    from kgtuner.tuning.result import (
        TuneResult,  # it brings Optuna, which a model's evaluation need not wait for
    )


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
    elif isinstance(run, TrainResult):
        run = run.model
    elif not isinstance(run, LinkPredictor):
        run = run.load_model()
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
        from kgtuner.tuning.finished import load_tuned

        return load_tuned(folder)
    return TrainResult(folder.read("results.json"), folder.path, load_predictor(folder.path))
