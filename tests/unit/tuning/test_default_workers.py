"""How many trainings run at once where nobody says."""

from __future__ import annotations

from typing import Any

import joblib
import pytest

import kgtuner as kt
from kgtuner.tuning import default_workers
from kgtuner.tuning.budget import Budget
from kgtuner.tuning.default_workers import default_executor
from kgtuner.tuning.settings import TuneSettings


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
