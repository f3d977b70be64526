"""All of a finished run that an export may need."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kgtuner.config import TrialConfig
from kgtuner.exchange.converted import Sizes
from kgtuner.exchange.names import encoded
from kgtuner.prediction import LinkPredictor
from kgtuner.tuning.loading import load_predictor
from kgtuner.tuning.run_folder import RunFolder
from kgtuner.types import SPLITS


@dataclass(frozen=True)
class TrainedRun:
    """A run's model with its graph, its configuration and what was measured.

    Attributes:
        predictor: the best model and the graph.
        config: what it was trained with.
        seed: of the training, or of the tuning that it came from.
        record: run.json.
        results: results.json, empty where the run has not ended.
        steps: of the optimiser that the model had; None where the run does not say.
    """

    predictor: LinkPredictor
    config: TrialConfig
    seed: int
    record: dict[str, Any]
    results: dict[str, Any]
    steps: int | None = None

    @classmethod
    def load(cls, run: str | Path) -> TrainedRun:
        """Read a run folder.

        Raises:
            RunError: when it is no run, is damaged, or has no trained model.
        """
        folder = RunFolder(run)
        record = folder.read("run.json")
        predictor = load_predictor(run)
        ended = (folder.path / "results.json").exists()
        settings = record.get("settings", {})
        seed = record.get("seed", settings.get("seed") if isinstance(settings, dict) else None)
        results = folder.read("results.json") if ended else {}
        return cls(
            predictor,
            TrialConfig.load(folder.best_config),
            seed if isinstance(seed, int) else 0,
            record,
            results,
            _steps(folder.path, results),
        )

    def sizes(self) -> Sizes:
        """The graph in numbers."""
        graph = self.predictor.graph
        queries = len(graph.known_answers(("train",)).keys)
        return Sizes(graph.n_entities, graph.n_relations, len(graph.train), queries)

    def write_triples(self, folder: Path) -> list[str]:
        """Write train.tsv, valid.tsv and test.tsv by name, and entities.tsv and relations.tsv with the ids.

        Names are encoded where they would break a line, so the files hold neither quotes nor escapes of tabs.

        Returns:
            A sentence for what another reader of these files will stumble over.
        """
        graph = self.predictor.graph
        entities = [encoded(name, spaces=True) for name in graph.entities]
        relations = [encoded(name, spaces=True) for name in graph.relations]
        for kind, names in (("entities", entities), ("relations", relations)):
            _write_lines(folder / f"{kind}.tsv", (f"{i}\t{name}" for i, name in enumerate(names)))
        for split in SPLITS:
            triples = graph.split(split).tolist()
            lines = (f"{entities[h]}\t{relations[r]}\t{entities[t]}" for h, r, t in triples)
            _write_lines(folder / f"{split}.tsv", lines)
        seen = np.unique(np.asarray(graph.train)[:, [0, 2]])
        unseen = graph.n_entities - len(seen)
        if not unseen:
            return []
        return [
            f"{unseen:,} entities are not in train; a pipeline that numbers the names of train drops their triples"
        ]


def _steps(folder: Path, results: dict[str, Any]) -> int | None:
    """Those of a training, or of the best trial of a tuning by its trials.csv."""
    steps = results.get("steps")
    if isinstance(steps, int):
        return steps
    try:
        with open(folder / "trials.csv", encoding="utf-8", newline="") as file:
            full = [row for row in csv.DictReader(file) if row["stage"] == "full" and row["value"]]
        return int(float(max(full, key=lambda row: float(row["value"]))["steps"]))
    except (OSError, ValueError, KeyError, TypeError, csv.Error):  # not there yet, or somebody's own
        return None


def _write_lines(path: Path, lines: Any) -> None:
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        for line in lines:
            file.write(line + "\n")
