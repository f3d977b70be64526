"""The best model of a run, read back; no database is needed for it."""

from __future__ import annotations

from pathlib import Path

from kgtuner.config import TrialConfig
from kgtuner.errors import RunError
from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.parts import build_model, check
from kgtuner.prediction import LinkPredictor
from kgtuner.training.parameters import load_parameters
from kgtuner.tuning.run_folder import RunFolder


def load_predictor(output: str | Path) -> LinkPredictor:
    """The best model of a run folder, with the names of its graph.

    Raises:
        RunError: when the folder is no run, has no model yet, or does not fit together.
    """
    folder = RunFolder(output)
    folder.read("run.json")
    if not folder.best_model.exists():
        raise RunError(f"{output} has no trained model yet; finish it with: kgtuner tune --resume {output}")
    graph = KnowledgeGraph.load(folder.graph)
    config = TrialConfig.load(folder.best_config)
    check(config)
    model = build_model(config.model, graph.n_entities, graph.n_relations)
    load_parameters(model, folder.best_model, graph.fingerprint)
    model.eval()
    return LinkPredictor(model, graph, folder.path)
