"""A multi-layer perceptron."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from kgtuner.search.surrogates.base import Surrogate
from kgtuner.types import FloatArray

BETA1, BETA2 = 0.9, 0.999


class MultiLayerPerceptron(Surrogate):
    """A few networks with two hidden layers of ReLUs, from different starts; their mean and their spread.

    All of them are trained at once, on every observation in each step, by Adam.

    Args:
        networks: how many.
        width: of both hidden layers.
        steps: of Adam.
        learning_rate, weight_decay: the latter is decoupled.

    Source: Kingma and Ba (2015), https://arxiv.org/abs/1412.6980; ensembles: Lakshminarayanan et al. (2017),
    https://arxiv.org/abs/1612.01474
    """

    def __init__(
        self,
        networks: int = 5,
        *,
        width: int = 32,
        steps: int = 300,
        learning_rate: float = 0.01,
        weight_decay: float = 1e-3,
    ) -> None:
        self.networks = networks
        self.width = width
        self.steps = steps
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay

    def fit(self, features: FloatArray, targets: FloatArray, rng: np.random.Generator) -> None:
        self._mean, self._scale = float(targets.mean()), float(targets.std()) or 1.0
        y = ((targets - self._mean) / self._scale)[None, :, None]
        sizes = [features.shape[1], self.width, self.width, 1]
        weights = [
            rng.normal(scale=np.sqrt(2 / fan_in), size=(self.networks, fan_in, fan_out))
            for fan_in, fan_out in pairwise(sizes)
        ]
        biases = [np.zeros((self.networks, 1, fan_out)) for fan_out in sizes[1:]]
        moments = [(np.zeros_like(p), np.zeros_like(p)) for p in (*weights, *biases)]
        for step in range(1, self.steps + 1):
            gradients = _gradients(weights, biases, features, y)
            for p, g, (first, second) in zip((*weights, *biases), gradients, moments, strict=True):
                first += (1 - BETA1) * (g - first)
                second += (1 - BETA2) * (g**2 - second)
                change = (first / (1 - BETA1**step)) / (np.sqrt(second / (1 - BETA2**step)) + 1e-8)
                p -= self.learning_rate * (change + self.weight_decay * p)
        self._weights, self._biases = weights, biases

    def distribution(self, features: FloatArray) -> tuple[FloatArray, FloatArray]:
        outputs = _layers(self._weights, self._biases, features)[-1][:, :, 0]
        return self._mean + self._scale * outputs.mean(0), self._scale * outputs.std(0)


def _layers(weights: list[FloatArray], biases: list[FloatArray], features: FloatArray) -> list[FloatArray]:
    """Inputs, both hidden layers, and outputs, each (networks, n, width)."""
    values = [np.broadcast_to(features, (len(weights[0]), *features.shape))]
    for depth, (w, b) in enumerate(zip(weights, biases, strict=True)):
        z = values[-1] @ w + b
        values.append(z if depth == len(weights) - 1 else np.maximum(z, 0.0))
    return values


def _gradients(
    weights: list[FloatArray], biases: list[FloatArray], features: FloatArray, y: FloatArray
) -> list[FloatArray]:
    """Of half the mean squared error, in the order weights, biases."""
    values = _layers(weights, biases, features)
    delta = (values[-1] - y) / y.shape[1]
    of_weights: list[FloatArray] = []
    of_biases: list[FloatArray] = []
    for depth in range(len(weights) - 1, -1, -1):
        of_weights.insert(0, values[depth].transpose(0, 2, 1) @ delta)
        of_biases.insert(0, delta.sum(1, keepdims=True))
        if depth:
            delta = (delta @ weights[depth].transpose(0, 2, 1)) * (values[depth] > 0)
    return [*of_weights, *of_biases]
