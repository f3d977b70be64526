"""Optimisers that can update a few rows of a large table in place, or all of it.

With dense gradients they are `torch.optim`'s Adam, Adagrad and SGD, to rounding. With the rows that a
step touched: Adagrad and SGD do exactly what the dense form does, because a row without a gradient
stays where it is; Adam becomes lazy, as `torch.optim.SparseAdam` is: the moments of untouched rows
do not decay and such rows do not move.
"""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from kgtuner.domains import Domain, Float
from kgtuner.errors import ConfigError

LEARNING_RATE = Float(1e-5, 1.0, log=True)
ROW_UPDATES = ("auto", "sparse", "dense")


class Optimizer(abc.ABC):
    """Moves tables against their gradients.

    Args:
        learning_rate: step size.
        row_updates: "sparse" updates only the rows a step touched, "dense" the whole table; "auto"
            decides once per training by the share of rows that a step is expected to touch.
    """

    SPACE: ClassVar[Mapping[str, Domain]] = {"learning_rate": LEARNING_RATE}
    STATES: ClassVar[tuple[str, ...]] = ()

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

    @abc.abstractmethod
    def update(self, name: str, table: Tensor, gradient: Tensor, rows: Tensor | None) -> None:
        """Move `table` in place.

        Args:
            name: the name it was registered under.
            table: (n, ...) parameters.
            gradient: (k, ...) for the given rows, or (n, ...) when `rows` is None.
            rows: (k,) distinct row ids.
        """


class SGD(Optimizer):
    """Plain gradient descent."""

    def update(self, name: str, table: Tensor, gradient: Tensor, rows: Tensor | None) -> None:
        if rows is None:
            table.sub_(gradient, alpha=self.learning_rate)
        else:
            moved = table.index_select(0, rows).sub_(gradient, alpha=self.learning_rate)
            table.index_copy_(0, rows, moved)


class Adagrad(Optimizer):
    """Each coordinate's step shrinks with the gradients it has seen.

    Source: Duchi et al. (2011), https://jmlr.org/papers/v12/duchi11a.html
    """

    STATES = ("sum",)
    EPSILON = 1e-10

    def update(self, name: str, table: Tensor, gradient: Tensor, rows: Tensor | None) -> None:
        total = self.states[name]["sum"]
        if rows is None:
            total.addcmul_(gradient, gradient)
            table.addcdiv_(gradient, total.sqrt().add_(self.EPSILON), value=-self.learning_rate)
            return
        seen = total.index_select(0, rows).addcmul_(gradient, gradient)
        total.index_copy_(0, rows, seen)
        moved = table.index_select(0, rows)
        moved.addcdiv_(gradient, seen.sqrt_().add_(self.EPSILON), value=-self.learning_rate)
        table.index_copy_(0, rows, moved)


class Adam(Optimizer):
    """Steps by running means of the gradient and of its square.

    Source: Kingma and Ba (2015), https://arxiv.org/abs/1412.6980
    """

    STATES = ("mean", "square")
    BETA_1 = 0.9
    BETA_2 = 0.999
    EPSILON = 1e-8

    def update(self, name: str, table: Tensor, gradient: Tensor, rows: Tensor | None) -> None:
        state = self.states[name]
        correction_1 = 1 - self.BETA_1**self.steps
        correction_2 = 1 - self.BETA_2**self.steps
        mean = state["mean"] if rows is None else state["mean"].index_select(0, rows)
        square = state["square"] if rows is None else state["square"].index_select(0, rows)
        mean.lerp_(gradient, 1 - self.BETA_1)
        square.mul_(self.BETA_2).addcmul_(gradient, gradient, value=1 - self.BETA_2)
        size = (square / correction_2).sqrt_().add_(self.EPSILON)
        if rows is None:
            table.addcdiv_(mean, size, value=-self.learning_rate / correction_1)
            return
        state["mean"].index_copy_(0, rows, mean)
        state["square"].index_copy_(0, rows, square)
        moved = table.index_select(0, rows).addcdiv_(mean, size, value=-self.learning_rate / correction_1)
        table.index_copy_(0, rows, moved)


OPTIMIZERS: dict[str, type[Optimizer]] = {
    "adam": Adam,
    "adagrad": Adagrad,
    "sgd": SGD,
}
