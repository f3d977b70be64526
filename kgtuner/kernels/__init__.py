"""Loops compiled to machine code by Numba: NumPy arrays in, NumPy arrays out, one thread.

They do in one visit of a row what array operators do in several passes over memory. Each has a plain form in torch
that gives the same up to rounding, which runs where there is no Numba, and on a GPU. Importing one of the modules here
imports Numba, so that is left to the few that call them; this file alone says whether they can be used.
"""

from __future__ import annotations

import importlib.util
import os
from functools import cache
from importlib import metadata

from kgtuner.errors import ConfigError

VARIABLE = "KGTUNER_KERNELS"
SETTINGS = ("auto", "on", "off")


@cache
def installed() -> bool:
    """Whether Numba is there; it is not imported."""
    return importlib.util.find_spec("numba") is not None


def available() -> bool:
    """Whether the kernels are used in this process.

    The environment variable KGTUNER_KERNELS decides: `auto` (as when it is not set) uses them where Numba is
    installed, `off` never, `on` demands them.

    Raises:
        ConfigError: for another value, or for `on` without Numba.
    """
    setting = os.environ.get(VARIABLE, "auto")
    if setting not in SETTINGS:
        raise ConfigError(f"{VARIABLE} must be one of {', '.join(SETTINGS)}, got {setting!r}")
    if setting == "on" and not installed():
        raise ConfigError(f"{VARIABLE} is on, but numba is not installed; install it or use auto")
    return setting != "off" and installed()


def described() -> str:
    """What does the arithmetic, for a record of a run: `numba 0.68.1` or `torch`."""
    return f"numba {metadata.version('numba')}" if available() else "torch"
