"""Parts of a step that torch.compile makes of fewer launches, where a user asks for it (`training.compile`).

For a GPU, where a small step waits for its launches: the loss with its gradient, and the slopes of distances, are
chains of small operators that become one or two. On a CPU the kernels of kgtuner/kernels do that work, and compiling
pays little besides (benchmarks/results/compiling.json). What it gains on a GPU was not measured. The compiled code
lies in torch's own cache on disk, which later trials and processes read.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import torch
from torch import Tensor
from torch._dynamo.exc import TorchDynamoException

from kgtuner.losses import Loss
from kgtuner.models import Model

P = ParamSpec("P")
R = TypeVar("R")

log = logging.getLogger(__name__)


def compiled_slope(model: Model) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
    """`model.slope`, compiled at its first call."""
    return falling_back(torch.compile(model.slope), model.slope)


def compiled_gradient(loss: Loss) -> Callable[..., tuple[Tensor, Tensor, Tensor]]:
    """`loss.sampled_gradient`, compiled at its first call: its own formula, or what autograd differentiates."""
    if type(loss).sampled_gradient is not Loss.sampled_gradient:
        return falling_back(torch.compile(loss.sampled_gradient), loss.sampled_gradient)
    inner = copy.copy(loss)
    inner.sampled = torch.compile(loss.sampled)  # type: ignore[method-assign]
    return falling_back(inner.sampled_gradient, loss.sampled_gradient)


def falling_back(compiled: Callable[P, R], plain: Callable[P, R]) -> Callable[P, R]:
    """The compiled function, or from its first failure on, as without a compiler, the plain one; a warning says so."""
    chosen = [compiled]

    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return chosen[0](*args, **kwargs)
        except TorchDynamoException as error:
            line = str(error).strip().partition("\n")[0]
            log.warning("torch.compile failed, so the training goes on without: %s", line)
            chosen[0] = plain
            return plain(*args, **kwargs)

    return call
