"""What a worker does with a task, wherever it runs."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import torch

from kgtuner.config import TrialConfig
from kgtuner.errors import KGTunerError
from kgtuner.evaluation.evaluator import evaluate_split
from kgtuner.execution.tasks import Alive, Done, EvaluateTask, Failed, Message, Task, TrainTask, Validated
from kgtuner.experiment import home_of, pick_device, run
from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.parts import build_model
from kgtuner.training.parameters import load_parameters, save_parameters
from kgtuner.training.trainer import CurvePoint
from kgtuner.types import Split

ALIVE_EVERY = 1.0
"""Seconds between signs of life while a task runs."""

Send = Callable[[Message], None]


class Worker:
    """Answers tasks one after the other, and keeps the graphs it has opened.

    Their arrays are mapped from the run folder, so that all workers of a machine share one copy.
    """

    def __init__(self) -> None:
        self._graphs: dict[Path, KnowledgeGraph] = {}

    def answer(self, task: Task, send: Send) -> Message:
        """Carry out a task; `send` is told of validations on the way."""
        try:
            torch.set_num_threads(task.threads)
            if task.graph not in self._graphs:
                self._graphs[task.graph] = KnowledgeGraph.load(task.graph, verify=False)
            graph = self._graphs[task.graph]
            result = _train(task, graph, send) if isinstance(task, TrainTask) else _evaluate(task, graph)
            return Done(result, rss_mb())
        except KGTunerError as error:
            return Failed(type(error).__name__, str(error))
        except (MemoryError, torch.OutOfMemoryError):
            return Failed("OutOfMemory", "there was too little memory to prepare or to end the training")
        except (
            Exception
        ):  # a bug must reach the coordinator as a failed trial, with its traceback for the log
            return Failed("", traceback.format_exc())


@contextmanager
def signs_of_life(send: Send) -> Iterator[None]:
    """Tell every second that the process is there, how much it has computed and how much memory it has."""
    over = threading.Event()

    def tell() -> None:
        while not over.wait(ALIVE_EVERY):
            try:
                send(Alive(time.process_time(), rss_mb()))
            except OSError:  # nobody listens any more: the process ends by other means
                return

    thread = threading.Thread(target=tell, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def rss_mb() -> float:
    """Resident memory of this process now, in MB."""
    return float(psutil.Process().memory_info().rss) / 2**20


def _train(task: TrainTask, graph: KnowledgeGraph, send: Send) -> dict[str, Any]:
    def report(point: CurvePoint) -> None:
        send(Validated(point.step, point.seconds, point.metric, point.loss))

    config = TrialConfig.from_mapping(task.config)
    result = run(
        config,
        graph,
        seed=task.seed,
        metric=task.metric,
        device=task.device,
        checkpoint=task.checkpoint,
        save_end=task.save_end,
        on_validation=report,
    )
    if task.save_to is not None:
        save_parameters(result.model, task.save_to, graph.fingerprint)
    return result.to_mapping()


def _evaluate(task: EvaluateTask, graph: KnowledgeGraph) -> dict[str, Any]:
    config = TrialConfig.from_mapping(task.config)
    model = build_model(config.model, graph.n_entities, graph.n_relations)
    load_parameters(model, task.parameters, graph.fingerprint)
    model.to(home_of(config, torch.device(pick_device(task.device))))
    split: Split = "test" if task.split == "test" else "valid"
    return evaluate_split(model, graph, split, size=task.size, seed=task.seed).to_mapping()
