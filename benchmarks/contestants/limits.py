"""The limit of the machine: the operators that a step cannot do without, alone."""

from __future__ import annotations

from contextlib import nullcontext

import torch
from torch import Tensor, nn

import kgtuner as kt
from contestants.rows import BATCH
from contestants.timing import Round, Unavailable, stepping
from kgtuner.config import Precision
from kgtuner.errors import ConfigError
from kgtuner.training.allocation import keeping_freed_memory
from kgtuner.training.precision import low_precision

WIDTH = 200


def table_and_scores(
    n_entities: int, precision: Precision, device: torch.device
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Entities (n, 200), their gradient, queries (b, 200) and scores (b, n), in the type of the matmuls."""
    try:
        low = low_precision(precision, device, n_entities)
    except ConfigError as error:
        raise Unavailable(str(error)) from None
    dtype = torch.bfloat16 if low else torch.float32
    generator = torch.Generator().manual_seed(0)
    entities = torch.randn(n_entities, WIDTH, generator=generator).to(device, dtype)
    queries = torch.randn(BATCH, WIDTH, generator=generator).to(device, dtype)
    return entities, torch.empty_like(entities), queries, entities.new_empty(BATCH, n_entities)


def three_matmuls(graph: kt.KnowledgeGraph, device: torch.device, *, precision: Precision) -> Round:
    """Scores, gradient of the queries, gradient of the entities; nothing else."""
    entities, at_entities, queries, scores = table_and_scores(graph.n_entities, precision, device)
    at_queries = torch.empty_like(queries)

    def step() -> int:
        torch.mm(queries, entities.T, out=scores)
        torch.mm(scores, entities, out=at_queries)
        torch.mm(scores.T, queries, out=at_entities)
        return BATCH

    return stepping(step, nullcontext, device)


def conve_operators(graph: kt.KnowledgeGraph, device: torch.device, *, precision: Precision) -> Round:
    """ConvE's convolution, linear layer and score matmul, forward and backward; no norms, dropout or loss."""
    entities, at_entities, _, scores = table_and_scores(graph.n_entities, precision, device)
    convolution = nn.Conv2d(1, 32, 3).to(device)
    linear = nn.Linear(32 * 38 * 8, WIDTH).to(device)
    image = torch.randn(BATCH, 1, 40, 10, device=device).requires_grad_()
    parameters = [image, *convolution.parameters(), *linear.parameters()]

    def step() -> int:
        query = linear(convolution(image).flatten(1))
        seen = query.detach().to(entities.dtype)
        torch.mm(seen, entities.T, out=scores)
        at_query = torch.mm(scores, entities)
        torch.mm(scores.T, seen, out=at_entities)
        torch.autograd.grad(query, parameters, at_query.to(query.dtype))
        return BATCH

    return stepping(step, keeping_freed_memory, device)


def score_matmuls(graph: kt.KnowledgeGraph, device: torch.device) -> Round:
    """The scores of all validation queries in both directions, in fp32; nothing is counted or left out."""
    entities, _, queries, scores = table_and_scores(graph.n_entities, "fp32", device)
    n_queries = 2 * len(graph.valid)

    def step() -> int:
        for start in range(0, n_queries, BATCH):
            some = min(BATCH, n_queries - start)
            torch.mm(queries[:some], entities.T, out=scores[:some])
        return 1

    return stepping(step, nullcontext, device, warm=False)
