"""A configuration on its way out, with everything that stays behind."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Draft:
    """Settings in another library's terms, filled step by step.

    Attributes:
        values: what will be written.
        lost: one sentence for each setting that has no counterpart there, or only a similar one.
        scale: the other library's loss divided by ours; its regulariser must grow with it.
    """

    values: dict[str, Any] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    scale: float = 1.0


@dataclass(frozen=True)
class Sizes:
    """What a conversion needs to know of the graph: numbers, not names."""

    n_entities: int
    n_relations: int
    n_train: int
    n_queries: int  # distinct directed queries of train
