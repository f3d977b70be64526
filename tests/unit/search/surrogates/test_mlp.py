"""kgtuner.search.surrogates.mlp."""

from __future__ import annotations

import numpy as np

from kgtuner.search.surrogates import mlp
from kgtuner.search.surrogates.mlp import MultiLayerPerceptron


def test_gradients_agree_with_finite_differences() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.random((7, 3)), rng.random((1, 7, 1))
    weights = [rng.normal(size=(1, a, b)) for a, b in ((3, 4), (4, 4), (4, 1))]
    biases = [rng.normal(size=(1, 1, b)) for b in (4, 4, 1)]

    def loss() -> float:
        return float(0.5 * ((mlp._layers(weights, biases, x)[-1] - y) ** 2).mean())

    gradients = mlp._gradients(weights, biases, x, y)
    for parameter, gradient in zip((*weights, *biases), gradients, strict=True):
        place = tuple(0 for _ in parameter.shape)
        before = parameter[place]
        parameter[place] = before + 1e-6
        up = loss()
        parameter[place] = before - 1e-6
        down = loss()
        parameter[place] = before
        np.testing.assert_allclose(gradient[place], (up - down) / 2e-6, atol=1e-7)


def test_it_learns_a_curve_that_a_line_cannot() -> None:
    x = np.random.default_rng(0).random((120, 2))
    y = (x[:, 0] - 0.5) ** 2
    network = MultiLayerPerceptron()
    network.fit(x, y, np.random.default_rng(0))
    new = np.random.default_rng(1).random((200, 2))
    assert np.mean((network.predict(new) - (new[:, 0] - 0.5) ** 2) ** 2) < 0.1 * y.var()
