"""What every embedding model has in common: two tables of rows and a score that is high for true triples."""

from __future__ import annotations

import abc
import math
from collections.abc import Mapping
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from kgtuner.domains import Domain
from kgtuner.errors import ConfigError
from kgtuner.registry import unknown

InverseRelations = Literal["shared", "independent"]
INVERSE_RELATIONS: tuple[InverseRelations, ...] = ("shared", "independent")
INITIALIZERS = ("uniform", "normal", "xavier_uniform", "xavier_normal")


class Model(nn.Module, abc.ABC):
    """A score over rows of an entity table and a relation table.

    A subclass states `score`, its definition, and the fast path that the trainer, the evaluator and
    the predictions share: `tail_query(h, r)` turns a question (h, r, ?) into one vector, and
    `score_candidates` compares it with candidate entities. A shared test proves that both agree.

    Every triple is asked about from both sides. The directed relation r in [0, R) asks for the tail
    of (h, r, ?); r + R asks for the head of (?, r, t), as the query (t, r + R, ?). With
    `inverse_relations="shared"` the row of r + R is derived from the row of r by `invert`; with
    "independent" it is a row of its own (reciprocal relations).

    Args:
        n_entities, n_relations: sizes of the graph.
        dimension: real numbers per entity, so ComplEx has half as many complex ones.
        inverse_relations: how the inverse of a relation is embedded.
        dropout: share of the coordinates of h and r that training sets to zero.
        initializer: how the tables start; uniform and normal are scaled by `initializer_scale`.
    """

    SPACE: ClassVar[Mapping[str, Domain]] = {}
    ALL_ENTITIES: ClassVar[bool] = True
    """Whether scoring every entity for each training query is one matmul, so that 1vsAll pays."""
    DOT_PRODUCT: ClassVar[bool] = True
    """Whether a score is the dot product of query and candidate, so that gradients need no autograd."""
    DISTANCE: ClassVar[bool] = False
    """Whether a score falls with the difference of query and candidate alone, as `slope` knows."""
    COSTLY_QUERY: ClassVar[bool] = False
    """Whether a query costs so much more than a score that sampled candidates save little of a training step."""
    DIMENSION_MULTIPLE: ClassVar[int] = 1

    def __init__(
        self,
        n_entities: int,
        n_relations: int,
        dimension: int = 100,
        *,
        inverse_relations: InverseRelations = "shared",
        dropout: float = 0.0,
        initializer: str = "xavier_normal",
        initializer_scale: float = 0.01,
    ) -> None:
        super().__init__()
        if inverse_relations not in INVERSE_RELATIONS:
            raise ConfigError(unknown("model.inverse_relations", inverse_relations, INVERSE_RELATIONS))
        if initializer not in INITIALIZERS:
            raise ConfigError(unknown("model.initializer", initializer, INITIALIZERS))
        whole = isinstance(dimension, int) and not isinstance(dimension, bool)
        if not whole or dimension < 1 or dimension % self.DIMENSION_MULTIPLE:
            raise ConfigError(
                f"model.dimension must be a positive multiple of {self.DIMENSION_MULTIPLE} "
                f"for {type(self).__name__}, got {dimension!r}"
            )
        if not 0 <= dropout < 1:
            raise ConfigError(f"model.dropout must be in [0, 1), got {dropout!r}")
        if not initializer_scale > 0:
            raise ConfigError(f"model.initializer_scale must be above 0, got {initializer_scale!r}")
        self.n_entities = n_entities
        self.n_relations = n_relations
        self.dimension = dimension
        self.inverse_relations = inverse_relations
        self.dropout = dropout
        self.initializer = initializer
        self.initializer_scale = initializer_scale
        rows = n_relations * (2 if inverse_relations == "independent" else 1)
        self.entities = nn.Parameter(torch.empty(n_entities, self.entity_width()), requires_grad=False)
        self.relations = nn.Parameter(torch.empty(rows, self.relation_width()), requires_grad=False)

    def entity_width(self) -> int:
        """Real numbers in a row of the entity table."""
        return self.dimension

    def relation_width(self) -> int:
        """Real numbers in a row of the relation table."""
        return self.dimension

    @abc.abstractmethod
    def score(self, h: Tensor, r: Tensor, t: Tensor) -> Tensor:
        """The definition: rows (..., width) of head, relation and tail to scores (...), higher is better."""

    @abc.abstractmethod
    def tail_query(self, h: Tensor, r: Tensor) -> Tensor:
        """Rows of heads (b, width) and relations (b, relation width) to query vectors (b, width)."""

    def invert(self, r: Tensor) -> Tensor:
        """Rows of relations to rows of their inverses: score(h, r, t) = score(t, invert(r), h)."""
        return r

    def query(self, h: Tensor, r: Tensor, inverse: Tensor | None) -> Tensor:
        """As `tail_query`, with the relation inverted where `inverse` (b,) is True."""
        if inverse is not None:
            r = torch.where(inverse[:, None], self.invert(r), r)
        return self.tail_query(h, r)

    def score_candidates(self, query: Tensor, candidates: Tensor) -> Tensor:
        """Scores of candidate entities, (b, m).

        Args:
            query: (b, width).
            candidates: entity rows, (m, width) when all queries share them, else (b, m, width).
        """
        if candidates.dim() == 2:
            return query @ candidates.T
        return torch.bmm(query[:, None, :], candidates.transpose(1, 2)).squeeze(1)

    def slope(self, difference: Tensor) -> tuple[Tensor, Tensor]:
        """For distance models: scores (...) and how steeply they fall with the difference, (..., width).

        Args:
            difference: (..., width), candidate minus query; overwritten by the second result.
        """
        raise NotImplementedError(f"{type(self).__name__} does not score by a distance")

    def distance_kernel(self) -> tuple[str, float] | None:
        """For distance models: the distance, by its name in kgtuner/kernels/matching.py, and the score without any.

        None when no compiled kernel has the distance, so that `slope` does the work.
        """
        return None

    def transform_scores(self, scores: Tensor) -> Tensor:
        """What the loss sees of a score. Ranking never needs it: it must keep the order."""
        return scores

    def relation_rows(self, relation: Tensor) -> tuple[Tensor, Tensor | None]:
        """Directed relation ids (b,) to rows of `relations` (b,) and which of them to invert."""
        if self.inverse_relations == "independent":
            return relation, None
        inverse = relation >= self.n_relations
        return torch.where(inverse, relation - self.n_relations, relation), inverse

    def encode(self, entity: Tensor, relation: Tensor) -> Tensor:
        """Query vectors (b, width) of the directed queries (entity, relation), ids (b,), without gradient."""
        with torch.no_grad():
            rows, inverse = self.relation_rows(relation)
            return self.query(self.entities[entity], self.relations[rows], inverse)

    def layers(self) -> list[nn.Parameter]:
        """Parameters besides the two tables; empty for most models."""
        return [p for name, p in self.named_parameters() if name not in ("entities", "relations")]

    def initialize(self, generator: torch.Generator) -> None:
        """Fill both tables; models with layers of their own extend this."""
        for table in (self.entities, self.relations):
            fill(table, self.initializer, self.initializer_scale, generator)


def fill(table: Tensor, initializer: str, scale: float, generator: torch.Generator) -> None:
    """Draw the start values of a (rows, width) table in place.

    Source: the paper's four initialisers; `uniform` is U(-scale, scale), `normal` is N(0, scale^2), the
    two others are Glorot and Bengio (2010), https://proceedings.mlr.press/v9/glorot10a.html.
    """
    rows, width = table.shape
    with torch.no_grad():
        if initializer == "uniform":
            table.uniform_(-scale, scale, generator=generator)
        elif initializer == "normal":
            table.normal_(0.0, scale, generator=generator)
        elif initializer == "xavier_uniform":
            bound = math.sqrt(6.0 / (rows + width))
            table.uniform_(-bound, bound, generator=generator)
        else:
            table.normal_(0.0, math.sqrt(2.0 / (rows + width)), generator=generator)
