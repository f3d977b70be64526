"""No regulariser."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor

from kgtuner.domains import Domain
from kgtuner.regularizers.base import Regularizer


class NoRegularizer(Regularizer):
    """Large embeddings cost nothing."""

    SPACE: ClassVar[Mapping[str, Domain]] = {}

    def __init__(self) -> None:
        super().__init__(weight=0.0)

    def penalty(self, h: Tensor, r: Tensor, t: Tensor, query: Tensor) -> Tensor:
        return h.new_zeros(len(h))
