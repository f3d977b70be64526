"""What a search asks of a surrogate."""

from __future__ import annotations

import abc

import numpy as np

from kgtuner.types import FloatArray


class Surrogate(abc.ABC):
    """Learns a number from feature vectors; for 0/1 labels its prediction is the probability of 1."""

    @abc.abstractmethod
    def fit(self, features: FloatArray, targets: FloatArray, rng: np.random.Generator) -> None:
        """Learn from (n, D) features and their (n,) targets; all randomness comes from `rng`."""

    @abc.abstractmethod
    def distribution(self, features: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The mean and the standard deviation of the target of each of (m, D) features, twice (m,)."""

    def predict(self, features: FloatArray) -> FloatArray:
        """The expected target of each of (m, D) features, (m,)."""
        return self.distribution(features)[0]
