"""The public functions where no search is needed: what they refuse, and what they leave as it was."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import kgtuner as kt
from kgtuner.api import training
from kgtuner.errors import ConfigError, RunError

CONFIG = kt.TrialConfig.from_mapping(
    {
        "model": {"name": "distmult", "dimension": 4},
        "loss": "cross_entropy",
        "training": {"mode": "one_vs_all", "max_steps": 2},
    }
)


@pytest.fixture
def graph() -> kt.KnowledgeGraph:
    train = [(i, 0, (i + 1) % 8) for i in range(8)]
    return kt.KnowledgeGraph.from_arrays(train, [(0, 0, 2)], [(1, 0, 3)], entities=list("abcdefgh"))


@pytest.fixture
def threads() -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield 2
    torch.set_num_threads(before)


def test_a_graph_of_the_same_size_with_other_ids_is_refused(graph: kt.KnowledgeGraph, tmp_path: Path) -> None:
    run = kt.train(graph, CONFIG, output=tmp_path / "run")
    permuted = kt.KnowledgeGraph.from_arrays(
        graph.train, graph.valid, graph.test, entities=list("hgfedcba"), name="permuted"
    )
    for trained in (run, run.model, tmp_path / "run"):
        assert kt.evaluate(trained, graph).overall == kt.evaluate(trained).overall
        with pytest.raises(
            RunError, match="trained on another graph than the permuted given; give the graph"
        ):
            kt.evaluate(trained, permuted)


@pytest.mark.parametrize(("given", "expected"), [(None, 1), (3, 3)])
def test_a_training_uses_one_thread_unless_told_otherwise_and_leaves_torch_as_it_was(
    given: int | None,
    expected: int,
    threads: int,
    graph: kt.KnowledgeGraph,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    used = []

    def run(*args: Any, **options: Any) -> Any:
        used.append(torch.get_num_threads())
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "run_experiment", run)
    for output in (None, tmp_path / "run"):
        with pytest.raises(KeyboardInterrupt):
            kt.train(graph, CONFIG, threads=given, output=output)
    assert used == [expected, expected]
    assert torch.get_num_threads() == threads


def test_no_threads_are_refused(graph: kt.KnowledgeGraph) -> None:
    with pytest.raises(ConfigError, match="threads must be at least 1, got 0"):
        kt.train(graph, CONFIG, threads=0)


def test_a_training_for_one_metric_is_not_given_for_another(graph: kt.KnowledgeGraph, tmp_path: Path) -> None:
    kt.train(graph, CONFIG, output=tmp_path / "run")
    with pytest.raises(RunError, match="holds a run with another metric; choose another --output"):
        kt.train(graph, CONFIG, output=tmp_path / "run", metric="hits_at_1")
    assert kt.train(graph, CONFIG, output=tmp_path / "run").report["metric"] == "mrr"
