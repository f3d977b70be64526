"""A small trained run whose names are hostile."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kgtuner as kt
from kgtuner.config import TrialConfig
from kgtuner.graph.knowledge_graph import KnowledgeGraph

HOSTILE = [
    "New York",
    "tab\there",
    "line\nbreak",
    "=1+1",
    "<b>[x](y)</b>",
    "```",
    "NA",
    "100%",
    "\x1b[2J",
    "é",
]


def small_graph(name: str = "toy") -> KnowledgeGraph:
    """Twelve entities and two relations, every triple in one split only."""
    ring = [(i, 0, (i + 1) % 12) for i in range(12)]
    skip = [(i, 1, (i + 2) % 12) for i in range(12)]
    triples = np.array(ring + skip[:8]), np.array(skip[8:10]), np.array(skip[10:])
    entities = [*HOSTILE, "k", "l"]
    return KnowledgeGraph.from_arrays(*triples, entities=entities, relations=["next to", "`skip`"], name=name)


def make_run(place: Path, model: dict[str, Any], graph: KnowledgeGraph | None = None) -> Path:
    config = TrialConfig.from_mapping(
        {
            "model": {"dimension": 8, "initializer": "normal", "initializer_scale": 0.5, **model},
            "loss": "cross_entropy",
            "negatives": {"name": "independent", "num_negatives": 8},
            "training": {"batch_size": 16, "max_steps": 6, "validate_every": 3},
        }
    )
    kt.train(graph or small_graph(), config, output=place, device="cpu")
    return place


@pytest.fixture(scope="session")
def run_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """The folder of a run of a model, trained once."""
    made: dict[str, Path] = {}

    def get(name: str = "complex", **options: Any) -> Path:
        key = f"{name}{sorted(options.items())}"
        if key not in made:
            made[key] = make_run(tmp_path_factory.mktemp("run") / "run", {"name": name, **options})
        return made[key]

    return get
