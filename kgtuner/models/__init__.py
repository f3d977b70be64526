"""Embedding models by name. A new model is one file and one line here."""

from __future__ import annotations

from kgtuner.models.autosf import AutoSF
from kgtuner.models.base import Model
from kgtuner.models.complex import ComplEx
from kgtuner.models.conve import ConvE
from kgtuner.models.distmult import DistMult
from kgtuner.models.rescal import RESCAL
from kgtuner.models.rotate import RotatE
from kgtuner.models.transe import TransE
from kgtuner.models.tucker import TuckER

MODELS: dict[str, type[Model]] = {
    "transe": TransE,
    "distmult": DistMult,
    "complex": ComplEx,
    "rotate": RotatE,
    "conve": ConvE,
    "rescal": RESCAL,
    "tucker": TuckER,
    "autosf": AutoSF,
}

__all__ = ["MODELS", "Model"]
