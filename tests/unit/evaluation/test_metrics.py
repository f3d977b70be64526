"""Metrics of a few ranks, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from kgtuner.errors import ConfigError
from kgtuner.evaluation.metrics import METRICS, joined, objective, selected, summarise
from kgtuner.evaluation.ranks import Ranks


def ranks(*values: float, candidates: int = 21) -> Ranks:
    return Ranks(np.array(values, dtype=float), np.full(len(values), candidates))


def test_metrics_by_hand() -> None:
    metrics = summarise(ranks(1, 2, 4, 20))
    assert metrics.mrr == pytest.approx((1 + 1 / 2 + 1 / 4 + 1 / 20) / 4)
    assert metrics.mean_rank == 27 / 4
    assert (metrics.hits_at_1, metrics.hits_at_3, metrics.hits_at_10) == (1 / 4, 2 / 4, 3 / 4)
    assert metrics.adjusted_mean_rank_index == pytest.approx(1 - (27 / 4 - 1) / (11 - 1))
    assert metrics.count == 4


def test_hits_include_their_own_rank_and_a_shared_first_place_is_no_hit_at_1() -> None:
    metrics = summarise(ranks(1.5, 3, 3.5, 10, 10.5))
    assert (metrics.hits_at_1, metrics.hits_at_3, metrics.hits_at_10) == (0, 2 / 5, 4 / 5)


def test_adjusted_index_is_1_for_perfect_ranks_and_0_for_constant_scores() -> None:
    assert summarise(ranks(1, 1, 1)).adjusted_mean_rank_index == 1
    assert summarise(ranks(11, 11)).adjusted_mean_rank_index == 0
    assert summarise(ranks(21, 21)).adjusted_mean_rank_index == -1
    assert summarise(ranks(1, candidates=1)).adjusted_mean_rank_index == 1


def test_adjusted_index_knows_that_queries_have_different_numbers_of_candidates() -> None:
    # Constant scores rank at (5 + 1) / 2 and (9 + 1) / 2.
    mixed = Ranks(np.array([3.0, 5.0]), np.array([5, 9]))
    assert summarise(mixed).adjusted_mean_rank_index == pytest.approx(0)


def test_no_ranks_give_no_numbers() -> None:
    metrics = summarise(ranks())
    assert metrics.count == 0
    assert all(math.isnan(getattr(metrics, name)) for name in METRICS)


def test_parts_are_joined_and_selected() -> None:
    both = joined(ranks(1, 2, candidates=5), ranks(3, candidates=7))
    assert (both.rank.tolist(), both.candidates.tolist()) == ([1, 2, 3], [5, 5, 7])
    some = selected(both, np.array([True, False, True]))
    assert (some.rank.tolist(), some.candidates.tolist()) == ([1, 3], [5, 7])


def test_mean_rank_is_maximised_with_its_sign_changed() -> None:
    metrics = summarise(ranks(1, 2, 4, 20))
    assert objective(metrics, "mean_rank") == -27 / 4
    for name in set(METRICS) - {"mean_rank"}:
        assert objective(metrics, name) == getattr(metrics, name)


def test_unknown_metric_offers_the_nearest() -> None:
    with pytest.raises(ConfigError, match="unknown metric 'hits_at_11'. Did you mean 'hits_at_1'"):
        objective(summarise(ranks(1)), "hits_at_11")
