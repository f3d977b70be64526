"""How much of the test split fits into what is left of a budget, by arithmetic."""

from __future__ import annotations

import pytest

from kgtuner.tuning.final_ranking import Ranking, kept_back, sample_size
from kgtuner.tuning.schedule import START_SECONDS


def test_the_cost_of_test_follows_from_the_seconds_a_validation_took() -> None:
    result = {"valid": {"count": 40_000}, "valid_seconds": 30.0, "preparation_seconds": 4.0}  # 20,000 triples
    ranking = Ranking.judged_by(result, 160_000)
    assert ranking.per_triple == pytest.approx(0.0015)
    assert ranking.before == pytest.approx(START_SECONDS + 4)
    assert ranking.seconds() == pytest.approx(START_SECONDS + 4 + 240)
    assert ranking.seconds(1_000) == pytest.approx(START_SECONDS + 4 + 1.5)
    assert Ranking.judged_by(result, 160_000, times=2.0).per_triple == pytest.approx(0.003)


def test_two_models_and_half_as_much_again_are_kept_back_while_that_is_less_than_three_tenths() -> None:
    ranking = Ranking(1_000, per_triple=0.01, before=START_SECONDS + 2)  # 12 s
    assert kept_back(ranking, 200.0) == pytest.approx(3 * 12)
    assert kept_back(ranking, 119.0) == pytest.approx(0.3 * 119)


def test_a_split_that_takes_too_long_keeps_back_what_a_telling_sample_takes() -> None:
    slow = Ranking(1_000_000, per_triple=0.001, before=1.0)  # 1,000 s; 20,000 of them 21 s
    assert kept_back(slow, 600.0) == pytest.approx(3 * 21)
    assert kept_back(slow, 100.0) == pytest.approx(30)  # not even they fit


def test_all_are_ranked_where_that_fits_and_where_it_takes_no_time() -> None:
    ranking = Ranking(1_000, per_triple=0.01, before=START_SECONDS)  # 10 s each, 25 s with what may go wrong
    assert sample_size(ranking, left=26.1, models=2) is None
    assert sample_size(ranking, left=25.9, models=2) is not None
    assert sample_size(ranking, left=25.9, models=1) is None
    assert sample_size(Ranking(1_000, per_triple=0.002, before=START_SECONDS), left=-3.0, models=2) is None


def test_a_sample_is_as_large_as_the_time_allows() -> None:
    ranking = Ranking(100_000, per_triple=0.01, before=2.0)
    size = sample_size(ranking, left=101.0, models=2)
    assert size == 3_800  # 50 s each, a fifth of them for what may go wrong, 2 s before it begins
    assert 2 * ranking.seconds(size) < 100
    assert sample_size(ranking, left=0.0, models=2) == 100
    assert sample_size(Ranking(60, per_triple=1.0, before=2.0), left=0.0, models=2) == 60  # there are no more
