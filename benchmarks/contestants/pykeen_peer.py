"""PyKEEN's training loops and evaluator, unchanged."""

from __future__ import annotations

import itertools
import time
from typing import Any

import numpy as np
import torch
from pykeen.evaluation import RankBasedEvaluator
from pykeen.models import model_resolver
from pykeen.training import LCWATrainingLoop, SLCWATrainingLoop
from pykeen.training.callbacks import TrainingCallback
from pykeen.triples import CoreTriplesFactory
from torch import Tensor

import kgtuner as kt
from contestants.rows import BATCH, NEGATIVES, RATE, SAMPLE
from contestants.timing import Round, scaled, wait_for


def model_and_triples(
    graph: kt.KnowledgeGraph, device: torch.device, model: str, width: int, loss: str | None
) -> tuple[Any, Any]:
    """A model without regulariser, and the training triples. Widths are complex numbers for ComplEx and RotatE."""
    # ConvE needs inverse relations in PyKEEN, which double its (h, r) pairs as ours are doubled.
    factory = CoreTriplesFactory(
        torch.as_tensor(np.array(graph.train)),
        num_entities=graph.n_entities,
        num_relations=graph.n_relations,
        create_inverse_triples=model == "ConvE",
    )
    options: dict[str, Any] = {"embedding_dim": width, "random_seed": 0}
    if model == "ConvE":
        options |= {"embedding_height": 20, "embedding_width": 10, "input_channels": None}
        options |= {"input_dropout": 0.0, "output_dropout": 0.0, "feature_map_dropout": 0.0}
    else:
        options["regularizer"] = None
    if loss is not None:
        options["loss"] = loss
    return model_resolver.make(model, triples_factory=factory, **options).to(device), factory


def training(
    graph: kt.KnowledgeGraph,
    device: torch.device,
    *,
    model: str,
    width: int,
    loss: str | None = None,
    all_entities: bool = False,
    batch: int = BATCH,
) -> Round:
    """PyKEEN's own training loop: its data loader, sampler, loss, optimiser and constraints.

    `train` is called on a random part of the triples with the whole vocabulary: tables, gradients and
    negatives have their full size, while an epoch is only a few batches. Time is taken from the start
    of one step to the start of the next by a callback, so that loading and drawing count, while start and end of
    an epoch do not. The loss is PyKEEN's default for the model (ComplEx: softplus) unless ours is adversarial
    or over all entities. Each library trains with a loss of its own, so losses differ.
    """
    peer, factory = model_and_triples(graph, device, model, width, "crossentropy" if all_entities else loss)
    optimizer = torch.optim.Adagrad(peer.get_grad_params(), lr=RATE)
    common = {"model": peer, "triples_factory": factory, "optimizer": optimizer}
    loop = (
        LCWATrainingLoop(**common, automatic_memory_optimization=False)
        if all_entities
        else SLCWATrainingLoop(
            **common,
            automatic_memory_optimization=False,
            negative_sampler="basic",
            negative_sampler_kwargs={"num_negs_per_pos": NEGATIVES},
        )
    )
    generator = torch.Generator().manual_seed(0)
    starts: list[float] = []

    class Clock(TrainingCallback):
        def pre_batch(self, **kwargs: Any) -> None:
            # Between two of these calls lies one whole step: gradients, optimiser, loading of the next batch.
            wait_for(device)
            starts.append(time.perf_counter())

    def epoch(steps: int) -> list[tuple[float, float]]:
        n = min(len(graph.train), int((steps + 1) * batch * (1.25 if all_entities else 1)))
        # Over all entities a batch is of distinct (h, r), of which some triples share one.
        part = torch.randperm(len(graph.train), generator=generator)[:n]
        few = factory.clone_and_exchange_triples(factory.mapped_triples[part])
        trained = bool(loop.losses_per_epochs)
        starts.clear()
        loop.train(
            few,
            num_epochs=len(loop.losses_per_epochs) + 1,
            batch_size=batch,
            sub_batch_size=batch,
            continue_training=trained,
            drop_last=True,  # full batches only
            use_tqdm=False,
            pin_memory=False,
            callbacks=Clock(),
        )
        return [(after - before, float(batch)) for before, after in itertools.pairwise(starts)]

    warm = epoch(2)

    def some(seconds: float) -> list[tuple[float, float]]:
        return epoch(max(2, min(40, round(seconds / warm[-1][0]))))

    return some


def ranking(graph: kt.KnowledgeGraph, device: torch.device, *, model: str, width: int) -> Round:
    """PyKEEN's RankBasedEvaluator on a sample, scaled; what a call costs whatever the count is taken once.

    Filtered by all three splits.
    """
    peer, factory = model_and_triples(graph, device, model, width, None)
    evaluator = RankBasedEvaluator(filtered=True)
    others = [torch.as_tensor(np.array(graph.split(name))) for name in ("valid", "test")]

    def seconds(triples: Tensor, batch: int) -> float:
        started = time.perf_counter()
        evaluator.evaluate(
            peer,
            triples,
            batch_size=batch,
            use_tqdm=False,
            additional_filter_triples=[factory.mapped_triples, *others],
            do_time_consuming_checks=False,
        )
        wait_for(device)
        return time.perf_counter() - started

    return scaled(graph, SAMPLE["pykeen"], seconds)
