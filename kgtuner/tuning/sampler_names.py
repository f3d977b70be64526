"""Which sampler proposes under which algorithm."""

from __future__ import annotations

from kgtuner.search.samplers import SAMPLERS

OURS = "kgtuner"
"""The default algorithm."""
PROPOSES = "rf_bore"
"""The sampler of the default algorithm."""


def sampler_of(algorithm: str) -> str:
    """A name from `SAMPLERS`; a whole strategy makes its own proposals, and its studies only keep them."""
    if algorithm == OURS:
        return PROPOSES
    return algorithm if algorithm in SAMPLERS else "random"
