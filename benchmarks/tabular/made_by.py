"""With which code a search was replayed: what another version of it found is made again."""

from __future__ import annotations

import ast
import hashlib
import inspect
import sys
from collections.abc import Callable, Iterator
from functools import cache, partial
from types import ModuleType
from typing import Any

from benchmarks.tabular import drawing, replay, table
from kgtuner.search import acquisition, proposals
from kgtuner.search.samplers import SAMPLERS
from kgtuner.search.strategies import base
from kgtuner.search.surrogates import SURROGATES
from kgtuner.space import codes, encoding

SHARED = (drawing, replay, table, acquisition, proposals, base, codes, encoding)
"""What every search depends on, beside its own files."""


def digest_of(search: Callable[..., Any], options: dict[str, object]) -> str:
    """Twelve digits of a hash over the code and the arguments of a search.

    Of its own file, those of its sampler and of the surrogates, and what answers it. Comments and docstrings do not
    count, and neither do libraries. To be asked for before anything is replayed: it reads the files as they are now.

    Args:
        options: of the samplers that it makes.
    """
    modules = {*SHARED, *(_module(surrogate) for surrogate in SURROGATES.values()), *_own(search)}
    digest = hashlib.sha256(f"{_arguments(search)} {sorted(options.items())}".encode())
    for module in sorted(modules, key=lambda module: module.__name__):
        digest.update(module.__name__.encode() + b"\0" + _code(module).encode() + b"\0")
    return digest.hexdigest()[:12]


@cache
def _code(module: ModuleType) -> str:
    """A module's statements without what is there to be read."""
    tree = ast.parse(inspect.getsource(module))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [one for one in body if not _is_text(one)]  # type: ignore[attr-defined]
    return ast.dump(tree)


def _is_text(statement: ast.AST) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


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


def _arguments(search: Callable[..., Any]) -> str:
    """What a search is called with beside its problem, as text."""
    if not isinstance(search, partial):
        return search.__name__
    given = {
        name: _arguments(value) if callable(value) else repr(value) for name, value in search.keywords.items()
    }
    return f"{_arguments(search.func)} {sorted(given.items())}"


def _module(thing: Callable[..., Any]) -> ModuleType:
    return sys.modules[thing.__module__]
