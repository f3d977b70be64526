"""TorchKGE's documented training loop and its evaluator."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchkge import KnowledgeGraph, LinkPredictionEvaluator
from torchkge.models import ComplExModel, TransEModel
from torchkge.sampling import UniformNegativeSampler
from torchkge.utils import LogisticLoss, MarginLoss
from torchkge.utils.data import DataLoader

import kgtuner as kt
from contestants.rows import BATCH, NEGATIVES, RATE, SAMPLE
from contestants.timing import Round, scaled, stepping, wait_for


def built(graph: kt.KnowledgeGraph, device: torch.device, model: str, width: int) -> Any:
    """A model; the width of ComplEx is in complex numbers."""
    if model == "complex":
        return ComplExModel(width, graph.n_entities, graph.n_relations).to(device)
    return TransEModel(width, graph.n_entities, graph.n_relations, dissimilarity_type="L1").to(device)


def in_its_form(graph: kt.KnowledgeGraph, triples: Tensor, known: Any = None) -> Any:
    """Triples in TorchKGE's form, with its filters of `known`, or of these triples themselves."""
    filters = (
        {}
        if known is None
        else {name: getattr(known, name) for name in ("dict_of_heads", "dict_of_tails", "dict_of_rels")}
    )
    return KnowledgeGraph(
        kg={"heads": triples[:, 0], "relations": triples[:, 1], "tails": triples[:, 2]},
        ent2ix={i: i for i in range(graph.n_entities)},
        rel2ix={i: i for i in range(graph.n_relations)},
        **filters,
    )


def training(graph: kt.KnowledgeGraph, device: torch.device, *, model: str, width: int) -> Round:
    """The training loop of TorchKGE's documentation: its data loader, sampler, model and loss.

    Its Trainer class knows only one negative a triple, so the documented loop is written out, with 128.
    """
    triples = torch.as_tensor(np.array(graph.train))
    triples = triples[torch.randperm(len(triples), generator=torch.Generator().manual_seed(0))]
    facts = in_its_form(graph, triples)
    sampler = UniformNegativeSampler(facts, n_neg=NEGATIVES)
    peer = built(graph, device, model, width)
    criterion = LogisticLoss() if model == "complex" else MarginLoss(9.0)
    optimizer = torch.optim.Adagrad(peer.parameters(), lr=RATE)

    def batches() -> Iterator[Any]:
        while True:
            yield from DataLoader(facts, batch_size=BATCH, use_cuda="all" if device.type == "cuda" else None)

    loader = batches()

    def step() -> int:
        heads, tails, relations = next(loader)
        optimizer.zero_grad()
        negative_heads, negative_tails = sampler.corrupt_batch(heads, tails, relations, NEGATIVES)
        positive, negative = peer(heads, tails, relations, negative_heads, negative_tails)
        criterion(positive, negative).backward()
        optimizer.step()
        return len(heads)

    return stepping(step, nullcontext, device)


def ranking(graph: kt.KnowledgeGraph, device: torch.device, *, model: str, width: int) -> Round:
    """TorchKGE's LinkPredictionEvaluator on a sample, scaled. It ranks raw and filtered in one go."""
    every = torch.as_tensor(np.concatenate([graph.train, graph.valid, graph.test]))
    known = in_its_form(graph, every)
    peer = built(graph, device, model, width)
    peer.eval()

    def seconds(triples: Tensor, batch: int) -> float:
        evaluator = LinkPredictionEvaluator(peer, in_its_form(graph, triples, known))
        started = time.perf_counter()
        with torch.no_grad():
            evaluator.evaluate(b_size=batch, verbose=False)
        wait_for(device)
        return time.perf_counter() - started

    return scaled(graph, SAMPLE["torchkge"], seconds)
