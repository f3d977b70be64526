"""Numbers that sum ranks up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from kgtuner.errors import ConfigError
from kgtuner.evaluation.ranks import Ranks
from kgtuner.registry import unknown


@dataclass(frozen=True)
class Metrics:
    """Filtered, realistic metrics over `count` ranked queries.

    Attributes:
        mrr: mean reciprocal rank, in (0, 1], higher is better.
        mean_rank: lower is better; mean_rank of random scores is about half the number of entities.
        hits_at_1, hits_at_3, hits_at_10: share of queries with rank at most 1, 3, 10; higher is better.
        adjusted_mean_rank_index: 1 is perfect, 0 is as good as random scores; higher is better.
            Source: Berrendorf et al. (2020), https://arxiv.org/abs/2002.06914
    """

    mrr: float
    mean_rank: float
    hits_at_1: float
    hits_at_3: float
    hits_at_10: float
    adjusted_mean_rank_index: float
    count: int

    def to_mapping(self) -> dict[str, Any]:
        return asdict(self)


METRICS = ("mrr", "mean_rank", "hits_at_1", "hits_at_3", "hits_at_10", "adjusted_mean_rank_index")


def summarise(ranks: Ranks) -> Metrics:
    """The metrics of some ranks; NaN when there are none."""
    rank, candidates = ranks.rank, ranks.candidates
    if len(rank) == 0:
        return Metrics(*(float("nan"),) * 6, count=0)
    expected = float(((candidates + 1) / 2).mean())  # of random scores
    mean_rank = float(rank.mean())
    # With one candidate each there is nothing to win: perfect by definition.
    index = 1.0 if expected <= 1 else 1 - (mean_rank - 1) / (expected - 1)
    return Metrics(
        mrr=float((1 / rank).mean()),
        mean_rank=mean_rank,
        hits_at_1=float((rank <= 1).mean()),
        hits_at_3=float((rank <= 3).mean()),
        hits_at_10=float((rank <= 10).mean()),
        adjusted_mean_rank_index=index,
        count=len(rank),
    )


def joined(*parts: Ranks) -> Ranks:
    return Ranks(
        np.concatenate([part.rank for part in parts]), np.concatenate([part.candidates for part in parts])
    )


def selected(ranks: Ranks, where: np.ndarray) -> Ranks:
    return Ranks(ranks.rank[where], ranks.candidates[where])


def objective(metrics: Metrics | Mapping[str, Any], name: str) -> float:
    """The metric called `name` as a number to maximise: the mean rank changes its sign."""
    if name not in METRICS:
        raise ConfigError(unknown("metric", name, METRICS))
    value = float(metrics[name] if isinstance(metrics, Mapping) else getattr(metrics, name))
    return -value if name == "mean_rank" else value
