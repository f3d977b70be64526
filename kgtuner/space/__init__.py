"""What may be tuned: parameters, conditions, constraints, presets, and their translation to numbers."""

from __future__ import annotations

from kgtuner.space.encoding import Encoder
from kgtuner.space.loading import PRESETS, load_space
from kgtuner.space.parameters import Condition, Constraint, Parameter
from kgtuner.space.space import Space

__all__ = ["PRESETS", "Condition", "Constraint", "Encoder", "Parameter", "Space", "load_space"]
