"""Search algorithms by name, as Optuna samplers. A new one is one file and one line here."""

from __future__ import annotations

from kgtuner.search.samplers.base import SpaceSampler
from kgtuner.search.samplers.bore import BoreSampler
from kgtuner.search.samplers.evolution import EvolutionSampler
from kgtuner.search.samplers.gp import GaussianSampler
from kgtuner.search.samplers.gp_evolution import GaussianEvolutionSampler
from kgtuner.search.samplers.grid import GridSampler
from kgtuner.search.samplers.mlp_evolution import PerceptronSampler
from kgtuner.search.samplers.model_based import ModelSampler
from kgtuner.search.samplers.random import RandomSampler
from kgtuner.search.samplers.rf_ei import ForestImprovementSampler
from kgtuner.search.samplers.rf_ucb import ForestBoundSampler
from kgtuner.search.samplers.smac import SmacSampler
from kgtuner.search.samplers.tpe import ParzenSampler

SAMPLERS: dict[str, type[SpaceSampler]] = {
    "random": RandomSampler,
    "grid": GridSampler,
    "evolution": EvolutionSampler,
    "tpe": ParzenSampler,
    "smac": SmacSampler,
    "gp": GaussianSampler,
    "gp_evolution": GaussianEvolutionSampler,
    "mlp_evolution": PerceptronSampler,
    "rf_ei": ForestImprovementSampler,
    "rf_ucb": ForestBoundSampler,
    "rf_bore": BoreSampler,
}

__all__ = ["SAMPLERS", "BoreSampler", "ModelSampler", "RandomSampler", "SpaceSampler"]
