"""Regularisers by name. A new one is one file and one line here."""

from __future__ import annotations

from kgtuner.regularizers.base import Regularizer
from kgtuner.regularizers.dura import DURA
from kgtuner.regularizers.none import NoRegularizer
from kgtuner.regularizers.norms import Frobenius, Nuclear

REGULARIZERS: dict[str, type[Regularizer]] = {
    "none": NoRegularizer,
    "frobenius": Frobenius,
    "nuclear": Nuclear,
    "dura": DURA,
}

__all__ = ["REGULARIZERS", "Regularizer"]
