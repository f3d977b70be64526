"""Surrogates by name. A new one is one file and one line here."""

from __future__ import annotations

from kgtuner.search.surrogates.base import Surrogate
from kgtuner.search.surrogates.gaussian_process import GaussianProcess
from kgtuner.search.surrogates.mlp import MultiLayerPerceptron
from kgtuner.search.surrogates.random_forest import RandomForest

SURROGATES: dict[str, type[Surrogate]] = {
    "random_forest": RandomForest,
    "gaussian_process": GaussianProcess,
    "mlp": MultiLayerPerceptron,
}

__all__ = ["SURROGATES", "Surrogate"]
