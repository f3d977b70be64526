"""What earlier studies found on other graphs: configurations to begin a search with.

Source of the idea: portfolios as in Feurer et al. (2015), https://doi.org/10.1609/aaai.v29i1.9354, nearest graph first.
The studies that come with KGTuner are the tables of real trainings of benchmarks/tabular.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from kgtuner.shipped import shipped_folder

FILE = "earlier.json"

PORTFOLIO = 15
"""Configurations that a search begins with, at most; benchmarks/tabular chose it, see docs/evidence.md."""


@dataclass(frozen=True)
class EarlierStudy:
    """The best of many configurations of one model on one graph.

    Attributes:
        graph: the name of the data set.
        entities, triples: of the graph, in train.
        configurations: flat, the best first.
    """

    graph: str
    model: str
    entities: int
    triples: int
    configurations: tuple[dict[str, Any], ...]

    def distance(self, entities: int, triples: int) -> float:
        """How unlike another graph this one is: in entities and in triples per entity, both as powers of e."""
        size = math.log(entities / self.entities)
        degree = math.log(triples / entities) - math.log(self.triples / self.entities)
        return math.hypot(size, degree)


def shipped_studies() -> list[EarlierStudy]:
    """Those that come with KGTuner."""
    text = (shipped_folder("configs") / FILE).read_text(encoding="utf-8")
    return [
        EarlierStudy(**{**study, "configurations": tuple(study["configurations"])})
        for study in json.loads(text)["studies"]
    ]


def portfolio(
    studies: Iterable[EarlierStudy], graph: str, models: Sequence[str], entities: int, triples: int
) -> list[dict[str, Any]]:
    """Configurations in the order in which they are to be tried: the best of the nearest study, of the next, and so on.

    Studies of the graph itself are left out. They would tell a benchmark what it is to find out, and a user who
    has such a study resumes it.

    Args:
        graph, entities, triples: what is to be tuned.
        models: those that are searched; each has its turn.
    """
    fitting = [study for study in studies if study.graph != graph and study.model in models]
    fitting.sort(key=lambda study: study.distance(entities, triples))
    longest = max((len(study.configurations) for study in fitting), default=0)
    in_turn = [
        study.configurations[place]
        for place in range(longest)
        for study in fitting
        if place < len(study.configurations)
    ]
    return in_turn[:PORTFOLIO]
