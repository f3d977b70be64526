"""Negative samplers by name. A new one is one file and one line here."""

from __future__ import annotations

from kgtuner.negatives.base import NegativeSampler
from kgtuner.negatives.uniform import Independent, Shared

NEGATIVES: dict[str, type[NegativeSampler]] = {
    "independent": Independent,
    "shared": Shared,
}

__all__ = ["NEGATIVES", "NegativeSampler"]
