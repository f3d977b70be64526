"""Surrogates by name. A new one is one file and one line here."""

from __future__ import annotations

from kgtuner.search.surrogates.base import Surrogate
from kgtuner.search.surrogates.random_forest import RandomForest

SURROGATES: dict[str, type[Surrogate]] = {
    "random_forest": RandomForest,
}

__all__ = ["SURROGATES", "Surrogate"]
