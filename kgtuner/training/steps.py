"""What a training step gives, and the rows it starts from.

A step gathers the rows it needs, so that autograd works on a few thousand rows and never on the tables.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from kgtuner.models import Model
from kgtuner.training.row_gradient import RowSums, TouchedRows


@dataclass(frozen=True)
class Gradient:
    """What one batch asks of the parameters.

    Attributes:
        loss: scalar, without gradient.
        entities, relations: rows (None for all) and their gradients, good until the next step. Gradients of
            layers are in `.grad`.
    """

    loss: Tensor
    entities: tuple[Tensor | None, Tensor | RowSums]
    relations: tuple[Tensor | None, Tensor | RowSums]


class QueryRows:
    """The rows behind a batch of directed queries, and the vectors the model makes of them."""

    def __init__(self, model: Model, entity: Tensor, relation: Tensor, generator: torch.Generator) -> None:
        self.relation, inverse = model.relation_rows(relation)
        self.h = model.entities.index_select(0, entity).requires_grad_()
        self.r = model.relations.index_select(0, self.relation).requires_grad_()
        h, r = drop(self.h, model.dropout, generator), drop(self.r, model.dropout, generator)
        self.query = model.query(h, r, inverse)

    def with_gradient(self, at_query: Tensor) -> Tensor:
        """A scalar whose gradient at the queries is the one given.

        `torch.autograd.backward` would take the gradient as it is, but to compare the shapes it loads a symbolic
        algebra system, which costs each process time to start and memory.
        """
        return (self.query * at_query).sum()

    def relation_gradient(self, kind: type[TouchedRows] = TouchedRows) -> tuple[Tensor | None, RowSums]:
        """Relation rows and what reached them, after the backward pass."""
        if self.r.grad is None:  # a query that does not depend on r, as DistMult's with r dropped whole
            self.r.grad = torch.zeros_like(self.r)
        touched = kind(self.relation)
        return touched.rows, touched.sums(self.r.grad)


def drop(rows: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Set a share of the coordinates to zero and scale the rest up, from our own generator."""
    if share == 0:
        return rows
    kept = torch.empty_like(rows, requires_grad=False).bernoulli_(1 - share, generator=generator)
    return rows * kept.div_(1 - share)
