"""Where the false triples of a batch come from."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from kgtuner.domains import Choices, Domain
from kgtuner.errors import ConfigError


class NegativeSampler(abc.ABC):
    """Draws entities that stand in for the true answer of each query.

    Args:
        num_negatives: false answers per query.
        filtered: leave a drawn entity out of the loss when it is a known right answer in train. Losses
            that keep them by definition (cross entropy) do so whatever this says.
    """

    SPACE: ClassVar[Mapping[str, Domain]] = {"num_negatives": Choices((32, 128, 512, 2048), ordered=True)}

    def __init__(self, *, num_negatives: int = 128, filtered: bool = True) -> None:
        if not isinstance(num_negatives, int) or isinstance(num_negatives, bool) or num_negatives < 1:
            raise ConfigError(
                f"negatives.num_negatives must be a whole number of at least 1, got {num_negatives!r}"
            )
        if not isinstance(filtered, bool):
            raise ConfigError(f"negatives.filtered must be true or false, got {filtered!r}")
        self.num_negatives = num_negatives
        self.filtered = filtered

    @abc.abstractmethod
    def draw(self, n_queries: int, n_entities: int, generator: torch.Generator) -> Tensor:
        """Entity ids, (n_queries, num_negatives) for each query, or (num_negatives,) for all of them together."""

    def draw_for(
        self, answers: Tensor, n_entities: int, generator: torch.Generator
    ) -> tuple[Tensor, Tensor | None]:
        """As `draw`, for queries with these (n_queries,) true answers.

        Returns:
            The ids, and (n_queries, number of ids) bool, False where an id is none that the query may be given;
            None where every query may be given all of its own.
        """
        return self.draw(len(answers), n_entities, generator), None
