"""TuckER."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from kgtuner.errors import ConfigError
from kgtuner.models.base import Model


class TuckER(Model):
    """A shared core tensor between head, relation and tail: W x1 h x2 r x3 t.

    Each relation mixes the slices of the core into its own matrix, W_r = sum_k r_k W_k; the inverse
    of r is the transposed matrix.

    Args:
        relation_dimension: numbers per relation; None: as many as `dimension`.
        query_norm: batch normalisation of h and of the query, as published.
        query_dropout, matrix_dropout: dropout on the query and on W_r.
        sigmoid: pass the score through a sigmoid before the loss, as the published runs did. Ranking
            uses the score itself, because a sigmoid near 1 makes ties in float32.

    Source: Balazevic et al. (2019), https://arxiv.org/abs/1901.09590
    """

    COSTLY_QUERY = True

    def __init__(
        self,
        *sizes: int,
        relation_dimension: int | None = None,
        query_norm: bool = True,
        query_dropout: float = 0.0,
        matrix_dropout: float = 0.0,
        sigmoid: bool = False,
        **options: Any,
    ) -> None:
        if relation_dimension is not None and (
            not isinstance(relation_dimension, int) or relation_dimension < 1
        ):
            raise ConfigError(
                f"model.relation_dimension must be a whole number of at least 1, got {relation_dimension!r}"
            )
        self._relation_dimension = relation_dimension
        super().__init__(*sizes, **options)
        self.sigmoid = sigmoid
        self.core = nn.Parameter(torch.empty(self.relation_width(), self.dimension, self.dimension))
        self.input_norm = nn.BatchNorm1d(self.dimension) if query_norm else nn.Identity()
        self.output_norm = nn.BatchNorm1d(self.dimension) if query_norm else nn.Identity()
        self.query_dropout = nn.Dropout(query_dropout)
        self.matrix_dropout = nn.Dropout(matrix_dropout)

    def relation_width(self) -> int:
        return self._relation_dimension or self.dimension

    def score(self, h: Tensor, r: Tensor, t: Tensor) -> Tensor:
        shape = torch.broadcast_shapes(h.shape[:-1], r.shape[:-1], t.shape[:-1])  # type: ignore[no-untyped-call]
        h = h.expand(*shape, -1).reshape(-1, h.shape[-1])
        r = r.expand(*shape, -1).reshape(-1, r.shape[-1])
        return (self.tail_query(h, r).reshape(*shape, -1) * t).sum(-1)

    def tail_query(self, h: Tensor, r: Tensor) -> Tensor:
        return self._query(h, self._matrix(r))

    def query(self, h: Tensor, r: Tensor, inverse: Tensor | None) -> Tensor:
        matrix = self._matrix(r)
        if inverse is not None:
            matrix = torch.where(inverse[:, None, None], matrix.transpose(1, 2), matrix)
        return self._query(h, matrix)

    def _matrix(self, r: Tensor) -> Tensor:
        flat = r @ self.core.reshape(self.relation_width(), -1)
        matrix: Tensor = self.matrix_dropout(flat.reshape(-1, self.dimension, self.dimension))
        return matrix

    def _query(self, h: Tensor, matrix: Tensor) -> Tensor:
        query = (self.input_norm(h)[:, None, :] @ matrix).squeeze(1)
        normed: Tensor = self.query_dropout(self.output_norm(query))
        return normed

    def transform_scores(self, scores: Tensor) -> Tensor:
        return scores.sigmoid() if self.sigmoid else scores

    def initialize(self, generator: torch.Generator) -> None:
        super().initialize(generator)
        with torch.no_grad():
            self.core.uniform_(-1.0, 1.0, generator=generator)
