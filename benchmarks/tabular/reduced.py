"""A search among those configurations of a table that lie in the paper's reduced space."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from kgtuner.search.strategies import Asking, Problem
from kgtuner.space import Space, load_space

SIZES = ("model.dimension", "training.batch_size")


def reduced(problem: Problem, search: Callable[[Problem], Asking]) -> Asking:
    """Let a search choose among the problem's configurations that lie in the reduced space, and among no others.

    At any batch size and dimension: a table has few rows with those of the reduced space.
    """
    assert problem.pool is not None
    inside = _reduced_at_all_sizes(problem.space).codes.inside(problem.pool)
    return search(dataclasses.replace(problem, pool=problem.pool[inside]))


def _reduced_at_all_sizes(full: Space) -> Space:
    models = full.by_name["model.name"].domain.values  # type: ignore[union-attr]
    narrowed = load_space("reduced", [str(model) for model in models])
    return narrowed.narrowed({name: full.by_name[name].domain for name in SIZES})
