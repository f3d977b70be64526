"""Configurations as points that a surrogate can learn from."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from kgtuner.domains import Choices
from kgtuner.space.space import Space
from kgtuner.types import Assignment, FloatArray


class Encoder:
    """Rows of codes, see `kgtuner.space.codes`, to feature vectors.

    A number becomes one feature, scaled to [0, 1] over its legal range, in log scale where ratios
    matter. A name becomes one feature per legal value, 1 for its own and 0 for the others. A parameter
    that does not apply is imputed: `inactive` for a number, all zeros for a name. The default of -1
    lies outside the range, so that one split of a tree tells "does not apply" from every real value.
    """

    def __init__(self, space: Space, inactive: float = -1.0) -> None:
        self.space = space
        self.inactive = inactive
        self.names: list[str] = []
        for parameter in space.parameters:
            if parameter.categorical:
                assert isinstance(parameter.legal, Choices)
                self.names += [f"{parameter.name}={value}" for value in parameter.legal.values]
            else:
                self.names.append(parameter.name)

    def features(self, codes: FloatArray) -> FloatArray:
        """(n, d) codes to (n, D) features, one column per entry of `names`."""
        features = np.empty((len(codes), len(self.names)))
        position = 0
        for j, parameter in enumerate(self.space.parameters):
            column = codes[:, j]
            if parameter.categorical:
                assert isinstance(parameter.legal, Choices)
                width = len(parameter.legal.values)
                features[:, position : position + width] = column[:, None] == np.arange(width)
            else:
                width = 1
                low, high = parameter.bounds
                if parameter.log:
                    column, low, high = np.log(column), np.log(low), np.log(high)
                scaled = (column - low) / ((high - low) or 1.0)
                features[:, position] = np.where(np.isnan(scaled), self.inactive, scaled)
            position += width
        return features

    def encode(self, assignments: Iterable[Assignment]) -> FloatArray:
        """Configurations to (n, D) features."""
        return self.features(self.space.codes.rows(assignments))
