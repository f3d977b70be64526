"""Loops compiled to machine code by Numba: NumPy arrays in, NumPy arrays out, one thread.

They do in one visit of a row what array operators do in several passes over memory. Each has a plain form in torch
that gives the same up to rounding, which runs where there is no Numba, and on a GPU. Importing one of the modules here
imports Numba, so that is left to the few that call them; this file alone says whether they can be used.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
from functools import cache
from importlib import metadata
from pathlib import Path

import platformdirs

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


@cache
def cache_folder() -> Path:
    """Where machine code is kept for the next process: its name follows from the source of all kernels.

    Numba itself would not notice a change in a function that another file has.
    """
    digest = hashlib.sha256(metadata.version("numba").encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    return Path(platformdirs.user_cache_dir("kgtuner")) / "kernels" / digest.hexdigest()[:16]


def cold() -> bool:
    """Whether the kernels are used and none is in the cache, so that a process has to compile them for many seconds."""
    if not available():
        return False
    folder = Path(os.environ.get("NUMBA_CACHE_DIR") or cache_folder())
    return not any(folder.rglob("*.nbi"))
