"""Negatives of the type that the answer has: a drug in the place of a drug, never a protein.

In a typed graph such as ogbl-biokg a candidate of another type is no rival, and the given false answers are all of
the right type. Which negatives are drawn this way follows from the graph, whatever form they have:

independent  each query draws its own from the members of the type of its answer
shared       each type has a set that the batch shares; a query is compared with the set of its type
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from kgtuner.graph.entity_types import EntityTypes
from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.negatives.base import NegativeSampler
from kgtuner.negatives.uniform import Shared


class Typed(NegativeSampler):
    """Draws in the form of another sampler, within the types of the answers.

    Args:
        form: `Independent` or `Shared`, whose options it keeps.
        types: of the entities.
        device: where ids are drawn.
    """

    def __init__(self, form: NegativeSampler, types: EntityTypes, device: torch.device) -> None:
        super().__init__(num_negatives=form.num_negatives, filtered=form.filtered)
        self.shared = isinstance(form, Shared)
        self._of_entity = torch.as_tensor(np.array(types.of_entity), device=device)
        self._members = torch.as_tensor(np.array(types.members), device=device)
        starts = torch.as_tensor(types.starts, device=device)
        self._start, self._size = starts[:-1], starts.diff()
        self._filled = torch.arange(len(types.names), device=device)[self._size > 0]
        own = self._filled if self.shared else self._filled[:0]
        self._type_of_column = own.repeat_interleave(self.num_negatives)

    @property
    def set_size(self) -> int:
        """Ids that a batch draws, when it shares them."""
        return len(self._type_of_column)

    def draw(self, n_queries: int, n_entities: int, generator: torch.Generator) -> Tensor:
        """As `Independent` or `Shared` do, for queries of which nothing is known; any entity may come."""
        shape = (self.set_size,) if self.shared else (n_queries, self.num_negatives)
        return torch.randint(n_entities, shape, generator=generator, device=generator.device)

    def draw_for(
        self, answers: Tensor, n_entities: int, generator: torch.Generator
    ) -> tuple[Tensor, Tensor | None]:
        types = self._of_entity[answers]
        if not self.shared:
            return self._drawn(types[:, None].expand(-1, self.num_negatives), generator), None
        drawn = self._drawn(self._type_of_column, generator)
        return drawn, self._type_of_column == types[:, None]

    def _drawn(self, types: Tensor, generator: torch.Generator) -> Tensor:
        """A member of each type, uniformly."""
        place = torch.rand(types.shape, generator=generator, device=generator.device, dtype=torch.float64)
        place = (place * self._size[types]).long() + self._start[types]
        return self._members[place]


def of_right_type(form: NegativeSampler, graph: KnowledgeGraph, device: torch.device) -> NegativeSampler:
    """The sampler for this graph: as it is, or within types where the graph has them."""
    return form if graph.types is None else Typed(form, graph.types, device)
