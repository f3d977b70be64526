"""How many trainings run at once where nobody says."""

from __future__ import annotations

from typing import Any

import joblib
import numpy as np
import pytest

import kgtuner as kt
from kgtuner.graph.entity_types import EntityTypes
from kgtuner.graph.given_negatives import GivenNegatives
from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.tuning import default_workers
from kgtuner.tuning.budget import Budget
from kgtuner.tuning.default_workers import default_executor
from kgtuner.tuning.settings import TuneSettings
from kgtuner.types import SPLITS


@pytest.fixture
def graph(monkeypatch: pytest.MonkeyPatch) -> kt.KnowledgeGraph:
    monkeypatch.setattr(joblib, "cpu_count", lambda: 6)
    monkeypatch.setattr(default_workers, "free_memory", lambda device: 64e9)
    return kt.load_dataset("world")


def workers(
    graph: kt.KnowledgeGraph, budget: str | None = "10m", trials: int | None = None, **settings: Any
) -> int:
    made = TuneSettings(models=("complex",), budget=Budget.of(budget, trials), device="cpu", **settings)
    return default_executor(made, graph).slots


def test_a_clock_has_a_worker_for_each_core_that_the_threads_leave(graph: kt.KnowledgeGraph) -> None:
    assert workers(graph) == 6
    assert workers(graph, threads=2) == 3
    assert workers(graph, threads=8) == 1


def test_trials_that_are_counted_have_one_so_that_they_can_be_repeated(graph: kt.KnowledgeGraph) -> None:
    assert workers(graph, budget=None, trials=20) == 1
    assert workers(graph, algorithm="toss") == 1


def test_memory_allows_no_more_than_fit(graph: kt.KnowledgeGraph, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(default_workers, "estimated_bytes", lambda config, size: 15e9)
    assert workers(graph) == 2
    monkeypatch.setattr(default_workers, "estimated_bytes", lambda config, size: 1e12)
    assert workers(graph) == 1


def test_memory_is_judged_by_the_default_of_the_graph_and_by_its_types(
    graph: kt.KnowledgeGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, int]] = []
    monkeypatch.setattr(
        default_workers,
        "estimated_bytes",
        lambda config, size: seen.append((config.training.mode, size.types)) or 1e9,
    )
    half = graph.n_entities // 2
    types = EntityTypes.blocks({"a": half, "b": graph.n_entities - half})
    splits = [graph.split(split) for split in SPLITS]
    given = {
        "valid": GivenNegatives.of(np.zeros((len(graph.valid), 1), int), np.zeros((len(graph.valid), 1), int))
    }
    workers(KnowledgeGraph("typed", graph.entities, graph.relations, *splits, types, given))
    assert seen == [("negative_sampling", 2)]
