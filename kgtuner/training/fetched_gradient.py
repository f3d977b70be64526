"""Gradients computed on a device that holds only the rows of one batch; the tables stay on the host.

For graphs whose embeddings, gradients and optimiser state are larger than a GPU's memory. A step sends ids to the
device, which finds the distinct ones; the host gathers their rows, the device scores them and makes the gradient, and
the host's optimiser moves the rows. So the device needs memory for a batch, however large the graph, and what a step
costs besides is the way there and back of the rows that it touches. Nothing of it was measured on a GPU.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from kgtuner.losses import Loss
from kgtuner.models import Model
from kgtuner.regularizers import Regularizer
from kgtuner.training.sampled_gradient import Asked, SampledGradient
from kgtuner.training.steps import Gradient


class FetchedGradient:
    """As `SampledGradient`, computed elsewhere than the tables are.

    Relations and layers are small: the device has all of them, and brings up to date what a batch uses.

    Args:
        model: whole, on the host.
        device: where the gradient is computed.
        generator: on the host; with dropout it gives each step the seed of what the device draws, so that a training
            goes on from a checkpoint as if there had been no interruption.
        compiled: as for `SampledGradient`, where the device is a CPU; torch_compile as there.
    """

    def __init__(
        self,
        model: Model,
        loss: Loss,
        regularizer: Regularizer,
        generator: torch.Generator,
        *,
        device: torch.device,
        compiled: bool = False,
        torch_compile: bool = False,
    ) -> None:
        self.whole, self.device, self.generator = model, device, generator
        none = nn.Parameter(model.entities.new_empty(0, model.entities.shape[1]), requires_grad=False)
        self.part = copy.deepcopy(model, {id(model.entities): none}).to(device)
        self._drawing = torch.Generator(device)
        parts = (self.part, loss, regularizer, self._drawing)
        self._gradient = SampledGradient(*parts, compiled=compiled, torch_compile=torch_compile)
        self._buffer = none.data

    def __call__(self, asked: Asked, dense_rows: int | None = None) -> Gradient:
        """The gradient of what was asked, on the host; of the touched rows, whatever `dense_rows` says."""
        b = len(asked.answer)
        distinct, places = torch.unique(self._sent(asked.ids), return_inverse=True)
        rows = self._returned(distinct)
        self.part.entities.data = self._fetched(rows)
        self._bring_up_to_date(asked.relation)
        if self.whole.dropout:
            self._drawing.manual_seed(int(torch.randint(1 << 62, (), generator=self.generator)))
        here = Asked(
            entity=places[-b:],
            relation=self._sent(asked.relation),
            answer=places[-2 * b : -b],
            drawn=places[: -2 * b].view(asked.drawn.shape),
            valid=None if asked.valid is None else self._sent(asked.valid),
            weights=self._sent(asked.weights),
            share=asked.share,
        )
        at = self._gradient(here, len(rows))
        entities = rows, self._returned(at.entities[1][:])
        touched, values = at.relations
        relations = None if touched is None else self._returned(touched), self._returned(values[:])
        self._return_layers()
        return Gradient(self._returned(at.loss), entities, relations)

    def _fetched(self, rows: Tensor) -> Tensor:
        """(k, width) some rows of the table, on the device."""
        table = self.whole.entities
        if self.device.type == "cpu":
            return table.index_select(0, rows)
        gathered = self._pinned(len(rows))
        torch.index_select(table.data, 0, rows, out=gathered)
        return self._sent(gathered)

    def _pinned(self, count: int) -> Tensor:
        """(count, width) numbers of any value, in memory of the host from which a GPU copies by itself."""
        if len(self._buffer) < count:
            self._buffer = torch.empty(
                count, self._buffer.shape[1], dtype=self._buffer.dtype, pin_memory=True
            )
        return self._buffer[:count]

    def _bring_up_to_date(self, relation: Tensor) -> None:
        """Copy to the device what the optimiser has moved since, as far as this batch uses it."""
        rows = torch.unique(self.whole.relation_rows(relation)[0])
        moved = self.whole.relations.index_select(0, rows)
        self.part.relations.index_copy_(0, self._sent(rows), self._sent(moved))
        for mine, theirs in zip(self.part.layers(), self.whole.layers(), strict=True):
            mine.grad = None
            mine.data.copy_(theirs)
        for counted, known in zip(self.part.buffers(), self.whole.buffers(), strict=True):
            counted.copy_(known)

    def _return_layers(self) -> None:
        for mine, theirs in zip(self.part.layers(), self.whole.layers(), strict=True):
            if mine.grad is not None:  # parts of a batch add up, as they do without a second device
                at = self._returned(mine.grad)
                theirs.grad = at.clone() if theirs.grad is None else theirs.grad + at
        for counted, known in zip(self.part.buffers(), self.whole.buffers(), strict=True):
            known.copy_(counted)

    def _sent(self, values: Tensor) -> Tensor:
        return values.to(self.device, non_blocking=True)

    def _returned(self, values: Tensor) -> Tensor:
        return values.to(self.whole.entities.device)
