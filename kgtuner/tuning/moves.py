"""Small moves from a good configuration, one hyper-parameter at a time, those first that most often pay.

With a handful of full trainings to spend, a surrogate knows too little to propose from; what changes one thing at a
time at least says which. The order and the sizes of the moves were chosen by hand on small graphs: how strong
the regularisation is matters most, then the dimension.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kgtuner.config import TrialConfig
from kgtuner.domains import Choices, Domain, Float
from kgtuner.space.space import Space
from kgtuner.tuning.raising import BATCH_SIZES, DIMENSIONS

MOVES: tuple[tuple[str, float], ...] = (
    ("regularizer.weight", 2.5),
    ("regularizer.weight", 1 / 2.5),
    ("model.dimension", 1),
    ("optimizer.learning_rate", 1.8),
    ("training.batch_size", -1),
    ("optimizer.learning_rate", 1 / 1.8),
    ("model.dropout", 0.1),
    ("training.batch_size", 1),
    ("model.dropout", -0.1),
    ("negatives.num_negatives", 1),
    ("negatives.num_negatives", -1),
)
"""A factor where a range is logarithmic, a difference where it is not, steps along the choices of a size."""

SIZES = {"model.dimension": DIMENSIONS, "training.batch_size": BATCH_SIZES}


def moves(
    config: TrialConfig, space: Space, first: int | None = None, fixed: frozenset[str] = frozenset()
) -> Iterator[tuple[int, TrialConfig]]:
    """The configurations one move away that the space allows, each with the number of its move.

    Args:
        first: the number of the move that led here: what helped once may help again.
        fixed: names that are left alone.
    """
    order = sorted(range(len(MOVES)), key=lambda number: number != first)
    flat = {"model.dropout": 0.0} | config.flat()
    for number in order:
        name, by = MOVES[number]
        if name in fixed or name not in flat:
            continue
        parameter = space.by_name.get(name)
        if parameter is None:
            continue
        moved = _moved(flat[name], by, SIZES.get(name), parameter.domain)
        if moved is not None and moved != flat[name]:
            yield number, config.updated({name: moved})


def _moved(value: Any, by: float, sizes: tuple[int, ...] | None, domain: Domain) -> Any:
    """The value after a move, None where there is none."""
    if sizes is None and isinstance(domain, Choices):
        sizes = tuple(v for v in domain.values if isinstance(v, int))
    if sizes is not None:
        beyond = sorted((v for v in sizes if (v > value) == (by > 0) and v != value), reverse=by < 0)
        return beyond[0] if beyond else None
    if not isinstance(domain, Float):
        return None
    moved = value * by if domain.log else round(value + by, 6)
    return min(max(moved, domain.low), domain.high)
