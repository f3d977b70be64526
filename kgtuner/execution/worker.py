"""The process that trains: takes tasks from its pipe, one after the other, and answers on it."""

from __future__ import annotations

import os
import signal
import threading
import time
import traceback
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch

from kgtuner.config import TrialConfig
from kgtuner.errors import KGTunerError
from kgtuner.evaluation.evaluator import evaluate_split
from kgtuner.execution.tasks import Done, EvaluateTask, Failed, Message, Task, TrainTask, Validated
from kgtuner.experiment import build_model, pick_device, run
from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.training.parameters import load_parameters, save_parameters
from kgtuner.training.trainer import CurvePoint

PARENT_CHECK = 1.0
"""Seconds between looks at whether the process that started us is still there."""


def serve(connection: Connection) -> None:
    """Answer tasks until the pipe closes. The entry point of a worker process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the coordinator decides
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    graphs: dict[Path, KnowledgeGraph] = {}
    while True:
        try:
            task: Task | None = connection.recv()
        except EOFError:
            return
        if task is None:
            return
        connection.send(_answer(task, graphs, connection))


def _answer(task: Task, graphs: dict[Path, KnowledgeGraph], connection: Connection) -> Message:
    try:
        torch.set_num_threads(task.threads)
        if task.graph not in graphs:
            graphs[task.graph] = KnowledgeGraph.load(task.graph, verify=False)
        graph = graphs[task.graph]
        if isinstance(task, TrainTask):
            return Done(_train(task, graph, connection))
        return Done(_evaluate(task, graph))
    except KGTunerError as error:
        return Failed(type(error).__name__, str(error))
    except Exception:  # a bug must reach the coordinator as a failed trial, with its traceback for the log
        return Failed("", traceback.format_exc())


def _train(task: TrainTask, graph: KnowledgeGraph, connection: Connection) -> dict[str, Any]:
    def report(point: CurvePoint) -> None:
        connection.send(Validated(point.step, point.seconds, point.metric, point.loss))

    config = TrialConfig.from_mapping(task.config)
    result = run(
        config,
        graph,
        seed=task.seed,
        metric=task.metric,
        device=task.device,
        checkpoint=task.checkpoint,
        on_validation=report,
    )
    if task.save_to is not None:
        save_parameters(result.model, task.save_to, graph.fingerprint)
    return result.to_mapping()


def _evaluate(task: EvaluateTask, graph: KnowledgeGraph) -> dict[str, Any]:
    config = TrialConfig.from_mapping(task.config)
    model = build_model(config.model, graph.n_entities, graph.n_relations)
    load_parameters(model, task.parameters, graph.fingerprint)
    model.to(pick_device(task.device))
    return evaluate_split(model, graph, "test" if task.split == "test" else "valid").to_mapping()


def _end_with_parent(parent: int) -> None:
    """A coordinator that was killed cannot stop us, so we look after it ourselves."""
    while os.getppid() == parent:
        time.sleep(PARENT_CHECK)
    os._exit(1)
