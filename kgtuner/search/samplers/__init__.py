"""Search algorithms by name, as Optuna samplers. A new one is one file and one line here."""

from __future__ import annotations

from kgtuner.search.samplers.base import SpaceSampler
from kgtuner.search.samplers.bore import BoreSampler
from kgtuner.search.samplers.random import RandomSampler

SAMPLERS: dict[str, type[SpaceSampler]] = {
    "random": RandomSampler,
    "rf_bore": BoreSampler,
}

__all__ = ["SAMPLERS", "BoreSampler", "RandomSampler", "SpaceSampler"]
