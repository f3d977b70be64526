"""What a regulariser sees of a batch: the rows of its positive triples."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor

from kgtuner.domains import Domain, Float
from kgtuner.errors import ConfigError

WEIGHT = Float(1e-12, 1e2, log=True)


class Regularizer(abc.ABC):
    """A price on large embeddings: the mean over the positive triples of a batch, times `weight`."""

    SPACE: ClassVar[Mapping[str, Domain]] = {"weight": WEIGHT}

    def __init__(self, *, weight: float = 1e-6) -> None:
        if not weight >= 0:
            raise ConfigError(f"regularizer.weight must be at least 0, got {weight!r}")
        self.weight = float(weight)

    @abc.abstractmethod
    def penalty(self, h: Tensor, r: Tensor, t: Tensor, query: Tensor) -> Tensor:
        """One number per triple, (p,), without the weight.

        Args:
            h, r, t: (p, width) rows of the positive triples; h is the entity asked with, t the answer.
            query: (p, width) what the model made of h and r.
        """
