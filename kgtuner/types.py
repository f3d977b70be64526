"""Names for the array shapes that travel between packages, and the words of the field."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Triples = npt.NDArray[np.int64]
"""(n, 3) int64, columns head, relation, tail."""

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

Split = Literal["train", "valid", "test"]
SPLITS: tuple[Split, ...] = ("train", "valid", "test")

Assignment = Mapping[str, Any]
"""A configuration as dotted names and plain values, e.g. {"loss.name": "cross_entropy"}."""

Clock = Callable[[], float]
"""Seconds that only grow; `time.monotonic` outside tests."""

INTERRUPTED = "interrupted"
"""Attribute of a trial that was cut off from outside: it says nothing about its configuration."""

TRAINED = "trained"
"""Attribute of a trial with what it was trained with, by name, where that is less than it was asked for."""
