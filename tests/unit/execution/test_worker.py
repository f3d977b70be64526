"""What a worker does with tasks: graphs are opened once and mapped, and a training is taken up again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import kgtuner as kt
from kgtuner import experiment
from kgtuner.config import TrialConfig
from kgtuner.defaults import default_config
from kgtuner.execution import worker
from kgtuner.execution.tasks import Alive, Done, EvaluateTask, Failed, Message, TrainTask, Validated
from kgtuner.execution.worker import Worker, signs_of_life
from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.training.checkpoint import begun_with, trained_seconds


@pytest.fixture
def task(tmp_path: Path) -> TrainTask:
    entity = np.arange(60)
    parts = [np.column_stack([entity, np.full(60, r), (entity + step) % 60]) for r, step in enumerate((1, 7))]
    graph = kt.KnowledgeGraph.from_arrays(np.concatenate(parts), name="ring", seed=0, leaks="keep")
    graph.save(tmp_path / "graph")
    config = default_config("distmult").updated({"model.dimension": 8, "training.batch_size": 16})
    mapping = config.limited(max_steps=6, validate_every=2).to_mapping()
    return TrainTask(
        graph=tmp_path / "graph",
        config=mapping,
        seed=0,
        metric="mrr",
        device="cpu",
        threads=1,
        checkpoint=tmp_path / "checkpoint.safetensors",
        save_end=False,
    )


def nobody(message: Message) -> None: ...


def test_a_graph_is_opened_once_for_all_tasks_and_its_arrays_are_mapped(
    task: TrainTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[KnowledgeGraph] = []
    load = KnowledgeGraph.load

    def counting(*args: Any, **options: Any) -> KnowledgeGraph:
        opened.append(load(*args, **options))
        return opened[-1]

    monkeypatch.setattr(worker.KnowledgeGraph, "load", counting)
    answering = Worker()
    assert all(isinstance(answering.answer(task, nobody), Done) for _ in range(2))
    (graph,) = opened
    assert isinstance(graph.train.base, np.memmap)


def test_a_task_that_nothing_goes_on_from_leaves_no_checkpoint_of_its_end(task: TrainTask) -> None:
    assert isinstance(Worker().answer(task, nobody), Done)
    assert task.checkpoint is not None
    assert not task.checkpoint.exists()


def test_a_task_that_was_cut_off_goes_on_from_its_checkpoint_to_the_same_result(
    task: TrainTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Worker().answer(task, nobody)
    monkeypatch.setattr(experiment, "CHECKPOINT_SECONDS", 0.0)
    heard: list[Message] = []

    def cut_off(message: Message) -> None:
        heard.append(message)
        if len(heard) == 2:
            raise OSError("nobody listens any more")

    assert isinstance(Worker().answer(task, cut_off), Failed)
    assert trained_seconds(task.checkpoint) > 0
    assert begun_with(task.checkpoint)["training"]["batch_size"] == 16
    heard.clear()
    monkeypatch.undo()
    again = Worker().answer(task, heard.append)
    assert isinstance(whole, Done)
    assert isinstance(again, Done)
    assert [m.step for m in heard if isinstance(m, Validated)] == [4, 6]
    assert [p["metric"] for p in again.result["curve"]] == [p["metric"] for p in whole.result["curve"]]
    assert again.result["valid"] == whole.result["valid"]


def test_a_bug_comes_back_with_its_traceback(task: TrainTask, monkeypatch: pytest.MonkeyPatch) -> None:
    def bug(*args: Any, **options: Any) -> None:
        raise ZeroDivisionError("seven")

    monkeypatch.setattr(worker, "run", bug)
    failed = Worker().answer(task, nobody)
    assert isinstance(failed, Failed)
    assert failed.kind == ""
    assert failed.message.startswith("Traceback")
    assert failed.message.endswith("ZeroDivisionError: seven\n")


def test_signs_of_life_are_told_while_something_runs_and_not_after(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "ALIVE_EVERY", 0.01)
    heard: list[Message] = []
    with signs_of_life(heard.append):
        while not heard:
            pass
    told = len(heard)
    (first, *_) = heard
    assert isinstance(first, Alive)
    assert first.rss_mb > 10
    assert len(heard) == told


def ranking(graph: Path, config: Mapping[str, Any], device: str, folder: Path) -> EvaluateTask:
    parameters = folder / "model.safetensors"
    return EvaluateTask(
        graph=graph, config=config, device=device, threads=1, parameters=parameters, split="test"
    )


def test_a_model_whose_tables_are_on_the_host_is_ranked_there(
    task: TrainTask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = {
        "training.mode": "negative_sampling",
        "training.tables_on": "host",
        "optimizer.row_updates": "sparse",
    }
    config = TrialConfig.from_mapping(task.config).updated(changes).to_mapping()
    trained = replace(task, config=config, save_to=tmp_path / "model.safetensors")
    assert isinstance(Worker().answer(trained, nobody), Done)
    monkeypatch.setattr(worker, "pick_device", lambda name: name)  # there is no such device here
    ranked = Worker().answer(ranking(task.graph, config, "cuda", tmp_path), nobody)
    assert isinstance(ranked, Done)
    assert 0 < ranked.result["mrr"] <= 1


def test_a_gpu_without_memory_for_the_end_is_told_as_such(
    task: TrainTask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    assert isinstance(Worker().answer(replace(task, save_to=tmp_path / "model.safetensors"), nobody), Done)
    monkeypatch.setattr(worker, "evaluate_split", full)
    failed = Worker().answer(ranking(task.graph, task.config, "cpu", tmp_path), nobody)
    assert isinstance(failed, Failed)
    assert failed.kind == "OutOfMemory"
