"""`--algorithm` by name: our own stages with one of the samplers, or a whole strategy."""

from __future__ import annotations

from collections.abc import Callable

from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.search.samplers import SAMPLERS
from kgtuner.search.strategies import STRATEGIES
from kgtuner.tuning.by_strategy import by_strategy
from kgtuner.tuning.running import TuningRun
from kgtuner.tuning.sampler_names import OURS
from kgtuner.tuning.two_stage import two_stage

Search = Callable[[TuningRun, KnowledgeGraph], None]

ALGORITHMS: dict[str, Search] = {
    OURS: two_stage,
    **dict.fromkeys(STRATEGIES, by_strategy),
    **dict.fromkeys(SAMPLERS, two_stage),
}
"""What spends the budget of a run. The name of a sampler stands for our stages with its proposals."""


def default_space(algorithm: str) -> str:
    """The preset that an algorithm searches where the user names none."""
    return STRATEGIES[algorithm].space if algorithm in STRATEGIES else "broad"
