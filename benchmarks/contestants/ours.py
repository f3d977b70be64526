"""Our contestant: what a training and its validation call."""

from __future__ import annotations

from typing import Any

import torch

import kgtuner as kt
from contestants.rows import BATCH, NEGATIVES, RATE
from contestants.timing import Round, Unavailable, stepping
from kgtuner.errors import ConfigError
from kgtuner.evaluation.evaluator import validation_metrics
from kgtuner.experiment import prepare
from kgtuner.parts import build_model
from kgtuner.training.allocation import keeping_freed_memory
from kgtuner.types import SPLITS


def configured(
    model: str,
    dimension: int,
    *,
    negatives: str = "independent",
    mode: str = "negative_sampling",
    loss: str = "cross_entropy",
    precision: str = "fp32",
) -> kt.TrialConfig:
    """The configuration that every row and every benchmark of speed is a case of."""
    return kt.TrialConfig.from_mapping(
        {
            "model": {"name": model, "dimension": dimension},
            "loss": {"name": loss},
            "regularizer": {"name": "none"},
            "negatives": {"name": negatives, "num_negatives": NEGATIVES},
            "optimizer": {"name": "adagrad", "learning_rate": RATE},
            "training": {"mode": mode, "batch_size": BATCH, "precision": precision},
        }
    )


def training(graph: kt.KnowledgeGraph, device: torch.device, **settings: Any) -> Round:
    """The trainer's step, as a training calls it, with the memory setting a training has."""
    try:
        trainer, _ = prepare(configured(**settings), graph, device=device)
    except ConfigError as error:  # no bfloat16 arithmetic here
        raise Unavailable(str(error)) from None
    trainer.model.train()

    def step() -> int:
        batch = trainer.batches.next()
        trainer.train_batch(batch)
        return len(batch)

    return stepping(step, keeping_freed_memory, device)


def ranking(graph: kt.KnowledgeGraph, device: torch.device, **settings: Any) -> Round:
    """What a training calls to validate, on the whole validation split in both directions."""
    model = build_model(configured(**settings).model, graph.n_entities, graph.n_relations)
    model.initialize(torch.Generator().manual_seed(0))
    model.to(device)
    model.eval()
    graph.known_answers(SPLITS)  # built once per graph

    def step() -> int:
        validation_metrics(model, graph, graph.valid)
        return 1

    return stepping(step, keeping_freed_memory, device, warm=False)
