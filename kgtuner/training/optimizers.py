"""Optimisers that can update a few rows of a large table in place, or all of it.

With dense gradients they are `torch.optim`'s Adam, Adagrad and SGD, on the CPU in their fused form: one pass
over memory instead of six. With the rows that a step touched: Adagrad and SGD do exactly what the dense form
does, because a row without a gradient stays where it is; Adam becomes lazy, as `torch.optim.SparseAdam` is: the
moments of untouched rows do not decay and such rows do not move.
"""

from __future__ import annotations

import abc
import math
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor
from torch.optim.adagrad import adagrad
from torch.optim.adam import adam

from kgtuner.domains import Domain, Float
from kgtuner.errors import ConfigError
from kgtuner.training.row_gradient import RowSums

LEARNING_RATE = Float(1e-5, 1.0, log=True)
ROW_UPDATES = ("auto", "sparse", "dense")
BLOCK_NUMBERS = 1 << 19
"""Numbers of a table moved at once: 2 MB in float32."""


class Optimizer(abc.ABC):
    """Moves tables against their gradients.

    Args:
        learning_rate: step size.
        row_updates: "sparse" updates only the rows a step touched, "dense" the whole table; "auto"
            decides once per training by the share of rows that a step is expected to touch.
    """

    SPACE: ClassVar[Mapping[str, Domain]] = {"learning_rate": LEARNING_RATE}
    STATES: ClassVar[tuple[str, ...]] = ()
    KERNEL: ClassVar[str | None] = None
    """The optimiser's name in kgtuner/kernels/moving.py, where rows are moved while their gradient is made."""

    def __init__(self, *, learning_rate: float = 1e-3, row_updates: str = "auto") -> None:
        if not learning_rate > 0:
            raise ConfigError(f"optimizer.learning_rate must be above 0, got {learning_rate!r}")
        if row_updates not in ROW_UPDATES:
            raise ConfigError(
                f"optimizer.row_updates must be one of {', '.join(ROW_UPDATES)}, got {row_updates!r}"
            )
        self.learning_rate = float(learning_rate)
        self.row_updates = row_updates
        self.steps = 0
        self.states: dict[str, dict[str, Tensor]] = {}

    def register(self, tables: Mapping[str, Tensor]) -> None:
        """Make the state of the named tables, all zero."""
        for name, table in tables.items():
            self.states[name] = {state: torch.zeros_like(table, requires_grad=False) for state in self.STATES}

    def begin_step(self) -> None:
        self.steps += 1

    def update(self, name: str, table: Tensor, gradient: Tensor | RowSums, rows: Tensor | None) -> None:
        """Move `table` in place.

        Args:
            name: the name it was registered under.
            table: (n, ...) parameters.
            gradient: (k, ...) for the given rows, or (n, ...) when `rows` is None.
            rows: (k,) distinct row ids.
        """
        wholes = [table, *self.states[name].values()]
        if self._moved_by_kernel(gradient, wholes, rows):
            return
        # A block of rows is summed, read and moved while it is in the cache. A GPU takes all rows at once.
        size = max(1, BLOCK_NUMBERS * len(table) // table.numel()) if table.is_cpu else len(gradient)
        for start in range(0, len(gradient), size):
            part = slice(start, min(start + size, len(gradient)))
            if rows is None:
                self.move([whole[part] for whole in wholes], gradient[part].contiguous())
                continue
            some = rows[part]
            moved = [whole.index_select(0, some) for whole in wholes]
            self.move(moved, gradient[part].contiguous())
            for whole, values in zip(wholes, moved, strict=True):
                whole.index_copy_(0, some, values)

    def _moved_by_kernel(self, gradient: Tensor | RowSums, wholes: list[Tensor], rows: Tensor | None) -> bool:
        if self.KERNEL is None or not isinstance(gradient, RowSums):
            return False
        return gradient.move(self.KERNEL, self.constants(), wholes, rows)

    def constants(self) -> tuple[float, ...]:
        """What `KERNEL` takes besides arrays, in this step."""
        return (self.learning_rate,)

    @abc.abstractmethod
    def move(self, values: list[Tensor], gradient: Tensor) -> None:
        """Move parameters, values[0], and their `STATES`, which follow, in place; all have the same shape."""


class SGD(Optimizer):
    """Plain gradient descent."""

    KERNEL = "sgd"

    def move(self, values: list[Tensor], gradient: Tensor) -> None:
        values[0].sub_(gradient, alpha=self.learning_rate)


class Adagrad(Optimizer):
    """Each coordinate's step shrinks with the gradients it has seen.

    Source: Duchi et al. (2011), https://jmlr.org/papers/v12/duchi11a.html
    """

    STATES = ("sum",)
    KERNEL = "adagrad"
    EPSILON = 1e-10

    def constants(self) -> tuple[float, ...]:
        return self.learning_rate, self.EPSILON

    def move(self, values: list[Tensor], gradient: Tensor) -> None:
        table, total = values
        adagrad(
            [table],
            [gradient],
            [total],
            [torch.tensor(0.0)],
            fused=table.is_cpu,
            foreach=False,
            lr=self.learning_rate,
            weight_decay=0.0,
            lr_decay=0.0,
            eps=self.EPSILON,
            maximize=False,
        )


class Adam(Optimizer):
    """Steps by running means of the gradient and of its square.

    Source: Kingma and Ba (2015), https://arxiv.org/abs/1412.6980
    """

    STATES = ("mean", "square")
    KERNEL = "adam"
    BETA_1 = 0.9
    BETA_2 = 0.999
    EPSILON = 1e-8

    def constants(self) -> tuple[float, ...]:
        rate = self.learning_rate / (1 - self.BETA_1**self.steps)
        corrected = 1 / math.sqrt(1 - self.BETA_2**self.steps)
        return rate, corrected, 1 - self.BETA_1, 1 - self.BETA_2, self.EPSILON

    def move(self, values: list[Tensor], gradient: Tensor) -> None:
        table, mean, square = values
        adam(
            [table],
            [gradient],
            [mean],
            [square],
            [],
            [torch.tensor(self.steps - 1.0)],
            fused=table.is_cpu,
            foreach=False,
            amsgrad=False,
            beta1=self.BETA_1,
            beta2=self.BETA_2,
            lr=self.learning_rate,
            weight_decay=0.0,
            eps=self.EPSILON,
            maximize=False,
        )


OPTIMIZERS: dict[str, type[Optimizer]] = {
    "adam": Adam,
    "adagrad": Adagrad,
    "sgd": SGD,
}
