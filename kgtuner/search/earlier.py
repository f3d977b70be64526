"""What earlier studies found on other graphs: configurations to begin a search with.

Source of the idea: portfolios as in Feurer et al. (2015), https://doi.org/10.1609/aaai.v29i1.9354, nearest graph first.
The studies that come with KGTuner are the tables of real trainings of benchmarks/tabular.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Any

from kgtuner.shipped import shipped_folder

FILE = "earlier.json"

PORTFOLIO = 15
"""Configurations of a study, and the most that a search begins with for each of its models."""


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
    studies: Iterable[EarlierStudy], graph: str, model: str, entities: int, triples: int
) -> list[dict[str, Any]]:
    """Configurations in the order in which they are to be tried: the best of the nearest study, of the next, and so on.

    None comes twice, though it may be good on several graphs. Studies of the graph itself are left out. They would tell
    a benchmark what it is to find out, and a user who has such a study resumes it.

    Args:
        graph, entities, triples: what is to be tuned.
    """
    fitting = [study for study in studies if study.graph != graph and study.model == model]
    fitting.sort(key=lambda study: study.distance(entities, triples))
    found: list[dict[str, Any]] = []
    for config in chain.from_iterable(zip_longest(*(study.configurations for study in fitting))):
        if config is not None and config not in found:
            found.append(config)
    return found
