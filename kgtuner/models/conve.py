"""ConvE."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from kgtuner.errors import ConfigError
from kgtuner.models.base import Model


class ConvE(Model):
    """A small convolution over the stacked 2-D shapes of h and r, then a dot product with t.

    The vector of `dimension` numbers becomes `height` rows of dimension/height; h stands above r.
    `height` is the largest divisor of the dimension up to 20 (the published runs use 20 rows), so
    every dimension has a shape; where that is too thin for a 3 x 3 filter, a border of zeros is added.
    With shared inverse relations the inverse of r reuses r itself, as in the published runs: the
    model is not bilinear and has no inverse in closed form.

    Args:
        filters: number of 3 x 3 filters.
        feature_dropout, hidden_dropout: dropout after the convolution and after the linear layer.
        entity_bias: add a learned number per candidate entity (off in the published runs). It lies in
            the last coordinate of the entity's row, and the query's last coordinate is 1.

    Source: Dettmers et al. (2018), https://arxiv.org/abs/1707.01476
    """

    COSTLY_QUERY = True

    def __init__(
        self,
        *sizes: int,
        filters: int = 32,
        feature_dropout: float = 0.0,
        hidden_dropout: float = 0.0,
        entity_bias: bool = False,
        **options: Any,
    ) -> None:
        if not isinstance(filters, int) or filters < 1:
            raise ConfigError(f"model.filters must be a whole number of at least 1, got {filters!r}")
        self.entity_bias = entity_bias
        super().__init__(*sizes, **options)
        self.height = max(d for d in range(1, 21) if self.dimension % d == 0)
        width = self.dimension // self.height
        border = 1 if min(2 * self.height, width) < 3 else 0
        self.input_norm = nn.BatchNorm2d(1)
        self.convolution = nn.Conv2d(1, filters, 3, padding=border)
        self.feature_norm = nn.BatchNorm2d(filters)
        self.feature_dropout = nn.Dropout2d(feature_dropout)
        features = filters * (2 * self.height - 2 + 2 * border) * (width - 2 + 2 * border)
        self.linear = nn.Linear(features, self.dimension)
        self.hidden_dropout = nn.Dropout(hidden_dropout)
        self.hidden_norm = nn.BatchNorm1d(self.dimension)

    def entity_width(self) -> int:
        return self.dimension + self.entity_bias

    def score(self, h: Tensor, r: Tensor, t: Tensor) -> Tensor:
        shape = torch.broadcast_shapes(h.shape[:-1], r.shape[:-1], t.shape[:-1])  # type: ignore[no-untyped-call]
        h = h.expand(*shape, -1).reshape(-1, h.shape[-1])
        r = r.expand(*shape, -1).reshape(-1, r.shape[-1])
        return (self.tail_query(h, r).reshape(*shape, -1) * t).sum(-1)

    def tail_query(self, h: Tensor, r: Tensor) -> Tensor:
        image = torch.cat([self._image(h[:, : self.dimension]), self._image(r)], 2)
        features = self.feature_norm(self.convolution(self.input_norm(image))).relu()
        hidden = self.linear(self.feature_dropout(features).flatten(1))
        query: Tensor = self.hidden_norm(self.hidden_dropout(hidden)).relu()
        if self.entity_bias:
            query = torch.cat([query, query.new_ones(len(query), 1)], 1)
        return query

    def _image(self, rows: Tensor) -> Tensor:
        return rows.reshape(len(rows), 1, self.height, -1)

    def initialize(self, generator: torch.Generator) -> None:
        super().initialize(generator)
        with torch.no_grad():
            if self.entity_bias:
                self.entities[:, -1] = 0
            for layer in (self.convolution, self.linear):
                bound = 1 / math.sqrt(layer.weight[0].numel())  # what torch draws, from our generator
                layer.weight.uniform_(-bound, bound, generator=generator)
                if layer.bias is not None:
                    layer.bias.uniform_(-bound, bound, generator=generator)
