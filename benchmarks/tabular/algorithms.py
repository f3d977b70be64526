"""What is replayed on the tables: every algorithm by name, and the parts of ours and of TOSS left out one by one."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial

from kgtuner.search.samplers import SAMPLERS, ModelSampler
from kgtuner.search.strategies import STRATEGIES, Asking, Problem
from kgtuner.search.strategies.racing import racing
from kgtuner.search.strategies.single import single
from kgtuner.search.strategies.toss import toss
from kgtuner.space import Space, load_space

Search = Callable[[Problem], Asking]

SIZES = ("model.dimension", "training.batch_size")
TREES = 25
"""In the forests of a replay; 200 in a real search."""


def reduced(problem: Problem, search: Search) -> Asking:
    """A search among those configurations of the table that lie in the paper's reduced space, at any size."""
    assert problem.pool is not None
    inside = _reduced_at_all_sizes(problem.space).codes.inside(problem.pool)
    return search(dataclasses.replace(problem, pool=problem.pool[inside]))


def _reduced_at_all_sizes(full: Space) -> Space:
    models = full.by_name["model.name"].domain.values  # type: ignore[union-attr]
    narrowed = load_space("reduced", [str(model) for model in models])
    return narrowed.narrowed({name: full.by_name[name].domain for name in SIZES})


ALGORITHMS: dict[str, Search] = {
    **{name: partial(single, sampler=name) for name in SAMPLERS if name != "smac"},
    **{name: strategy.search for name, strategy in STRATEGIES.items()},
    "racing, full graph only": partial(racing, use_subgraph=False),
    "racing from nothing": partial(racing, use_first=False),
    "racing from nothing, full graph only": partial(racing, use_first=False, use_subgraph=False),
    "racing from nothing, random proposals": partial(racing, use_first=False, sampler="random"),
    "racing from nothing, rf_ei": partial(racing, use_first=False, sampler="rf_ei"),
    "racing from nothing, gp": partial(racing, use_first=False, sampler="gp"),
    "toss, 3 transferred": partial(toss, transferred=3),
    "toss, 30 transferred": partial(toss, transferred=30),
    "toss, nothing transferred": partial(toss, transferred=0),
    "toss, random proposals": partial(toss, sampler="random"),
    "toss, rf_ei": partial(toss, sampler="rf_ei"),
    "toss, reduced space": partial(reduced, search=toss),
    "rf_bore, reduced space": partial(reduced, search=partial(single, sampler="rf_bore")),
    "random, reduced space": partial(reduced, search=partial(single, sampler="random")),
}
KNOWING = ("racing", "racing, full graph only")
"""These begin with what was good on the other tables; all others begin from nothing."""
FORESTS = (
    *KNOWING,
    "racing from nothing",
    "racing from nothing, full graph only",
    "racing from nothing, rf_ei",
    "toss",
    "toss, 3 transferred",
    "toss, 30 transferred",
    "toss, nothing transferred",
    "toss, rf_ei",
    "toss, reduced space",
    "rf_bore, reduced space",
)


def options_of(name: str) -> dict[str, object]:
    """Of the samplers that an algorithm makes."""
    sampler = SAMPLERS.get(name)
    own = sampler is not None and issubclass(sampler, ModelSampler) and sampler.SURROGATE == "random_forest"
    return {"surrogate_options": {"trees": TREES}} if own or name in FORESTS else {}
