"""How a kernel is compiled, and where the machine code is kept for the next process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba
import numpy.typing as npt
from numba.core import config

from kgtuner.interruption import held_back
from kgtuner.kernels import cache_folder

Kernel = TypeVar("Kernel", bound=Callable[..., object])
Floats = npt.NDArray[Any]
"""float32 or float64; all of a call are alike, and contiguous."""
Ints = npt.NDArray[Any]
"""int32 or int64."""

REORDERED = {"reassoc", "contract", "nsz", "arcp"}
"""What the compiler may assume: sums in any order, so that vector instructions make them. It may not assume that
there is neither NaN nor infinity, because those have to be seen."""


def compiled(function: Kernel, **more: bool) -> Kernel:
    """Compile a function of arrays and numbers on its first call with each combination of types.

    The machine code is kept in `kernels.cache_folder()`; NUMBA_CACHE_DIR overrides it. Without a folder that can be
    written to, each process compiles anew. Ctrl-C waits until a kernel is compiled or loaded.
    """
    given = config.CACHE_DIR
    config.CACHE_DIR = given or str(cache_folder())
    options = {"fastmath": REORDERED, "error_model": "numpy", "boundscheck": False, "nogil": True, **more}
    try:
        kernel = numba.njit(function, cache=True, **options)
    except (RuntimeError, OSError):  # no place to write
        kernel = numba.njit(function, **options)
    finally:
        config.CACHE_DIR = given
    if not config.DISABLE_JIT:
        # It loads, too, and has callbacks from C in either case.
        kernel.compile = held_back()(kernel.compile)
    return kernel  # type: ignore[no-any-return]


def inlined(function: Kernel) -> Kernel:
    """Compile a part of other kernels, which becomes part of their loops."""
    return compiled(function, forceinline=True)
