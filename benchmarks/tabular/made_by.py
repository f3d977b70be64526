"""With which code a search was replayed: what another version of it found is not shown as today's."""

from __future__ import annotations

import hashlib
import inspect
import sys
from collections.abc import Callable, Iterator
from functools import partial
from types import ModuleType
from typing import Any

from benchmarks.tabular import replay, table
from kgtuner.search import acquisition, proposals
from kgtuner.search.samplers import SAMPLERS
from kgtuner.search.strategies import base
from kgtuner.search.surrogates import SURROGATES

SHARED = (replay, table, acquisition, proposals, base)
"""What every search depends on, beside its own files."""


def digest_of(search: Callable[..., Any]) -> str:
    """Twelve digits of a hash over the files of a strategy, its sampler and the surrogates, and of what answers it."""
    modules = {*SHARED, *(_module(surrogate) for surrogate in SURROGATES.values()), *_own(search)}
    digest = hashlib.sha256()
    for module in sorted(modules, key=lambda module: module.__name__):
        digest.update(module.__name__.encode() + b"\0" + inspect.getsource(module).encode() + b"\0")
    return digest.hexdigest()[:12]


def _own(search: Callable[..., Any]) -> Iterator[ModuleType]:
    """The file of a strategy, those of its sampler's classes, and those of a search that it changes."""
    parameters = inspect.signature(search).parameters
    options = {name: parameter.default for name, parameter in parameters.items()}
    while isinstance(search, partial):
        search = search.func
    yield _module(search)
    if callable(changed := options.get("search")):
        yield from _own(changed)
    if (sampler := options.get("sampler")) in SAMPLERS:
        yield from (
            _module(kind) for kind in SAMPLERS[sampler].__mro__ if kind.__module__.startswith("kgtuner")
        )


def _module(thing: Callable[..., Any]) -> ModuleType:
    return sys.modules[thing.__module__]
