"""A Gaussian process."""

from __future__ import annotations

import numpy as np

from kgtuner.search.surrogates.base import Surrogate
from kgtuner.types import FloatArray

ROOT5 = 5**0.5
JITTER = 1e-8


class GaussianProcess(Surrogate):
    """Matérn 5/2 with one length scale, a scale and noise, at their most likely values.

    Args:
        lengths: starting points of the search for the length scale, in units of the root of the number of
            features that vary.

    Source: Rasmussen and Williams (2006), algorithm 2.1 and section 5.4.1, http://gaussianprocess.org/gpml
    """

    def __init__(self, lengths: tuple[float, ...] = (0.3, 1.0)) -> None:
        self.lengths = lengths

    def fit(self, features: FloatArray, targets: FloatArray, rng: np.random.Generator) -> None:
        from scipy.linalg import cho_factor, cho_solve
        from scipy.optimize import minimize

        self._x = np.asarray(features, dtype=np.float64)
        self._mean, self._scale = float(targets.mean()), float(targets.std()) or 1.0
        y = (targets - self._mean) / self._scale
        distances = _distances(self._x, self._x)
        unit = max(1.0, float(np.ptp(self._x, axis=0).astype(bool).sum())) ** 0.5

        def evidence(log: FloatArray) -> float:
            """Minus the log likelihood of (length, scale, noise), all in logarithms."""
            covariance = _covariance(distances, log)
            try:
                factor = np.linalg.cholesky(covariance)
            except np.linalg.LinAlgError:
                return 1e12
            half = np.linalg.solve(factor, y)
            return float(0.5 * half @ half + np.log(np.diag(factor)).sum())

        starts = [np.log([length * unit, 1.0, 0.1]) for length in self.lengths]
        low, high = np.log([0.05 * unit, 0.05, 1e-3]), np.log([20 * unit, 20.0, 1.0])
        found = [
            minimize(
                evidence, start, method="L-BFGS-B", bounds=list(zip(low, high, strict=True)),
                options={"maxiter": 30},
            )
            for start in starts
        ]  # fmt: skip
        self._log: FloatArray = min(found, key=lambda result: float(result.fun)).x
        self._factor = cho_factor(_covariance(distances, self._log), lower=True)
        self._weights: FloatArray = cho_solve(self._factor, y)

    def distribution(self, features: FloatArray) -> tuple[FloatArray, FloatArray]:
        from scipy.linalg import cho_solve

        length, scale, _ = np.exp(self._log)
        cross = scale * _matern(_distances(np.asarray(features, dtype=np.float64), self._x) / length)
        mean = cross @ self._weights
        explained = np.einsum("mn,nm->m", cross, cho_solve(self._factor, cross.T))
        spread = np.sqrt(np.maximum(scale - explained, 0.0))
        return self._mean + self._scale * mean, self._scale * spread


def _covariance(distances: FloatArray, log: FloatArray) -> FloatArray:
    length, scale, noise = np.exp(log)
    covariance: FloatArray = scale * _matern(distances / length)
    covariance[np.diag_indices_from(covariance)] += noise + JITTER
    return covariance


def _matern(r: FloatArray) -> FloatArray:
    s = ROOT5 * r
    kernel: FloatArray = (1 + s + s**2 / 3) * np.exp(-s)
    return kernel


def _distances(a: FloatArray, b: FloatArray) -> FloatArray:
    """Euclidean, (len(a), len(b))."""
    squared = (a**2).sum(1)[:, None] + (b**2).sum(1)[None] - 2 * a @ b.T
    distances: FloatArray = np.sqrt(np.maximum(squared, 0.0))
    return distances
