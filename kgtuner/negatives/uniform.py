"""Uniform negatives: own ones for each query, or one set that the whole batch shares."""

from __future__ import annotations

import torch
from torch import Tensor

from kgtuner.negatives.base import NegativeSampler


class Independent(NegativeSampler):
    """Each query has negatives of its own, as in the paper."""

    def draw(self, n_queries: int, n_entities: int, generator: torch.Generator) -> Tensor:
        return torch.randint(
            n_entities, (n_queries, self.num_negatives), generator=generator, device=generator.device
        )


class Shared(NegativeSampler):
    """All queries of a batch share one set, so that scoring it is one matmul: much faster per query."""

    def draw(self, n_queries: int, n_entities: int, generator: torch.Generator) -> Tensor:
        return torch.randint(n_entities, (self.num_negatives,), generator=generator, device=generator.device)
