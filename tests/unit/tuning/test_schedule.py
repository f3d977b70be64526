"""How a wall-clock budget is shared, by arithmetic."""

from __future__ import annotations

import pytest

from kgtuner.tuning.schedule import (
    AFTER_SUBGRAPH,
    BEFORE_MOVES,
    STAGE_ONE_TRIALS,
    START_SECONDS,
    WITHOUT_SUBGRAPH,
    Schedule,
    slot_or_rest,
    worth_another,
)


def test_two_hours_are_halved_after_what_the_test_evaluation_needs_is_kept_back() -> None:
    schedule = Schedule.of(7200.0, 0.5, two_stages=True)
    assert schedule.end == pytest.approx(7200 - 1 - 288)  # one second and 4%
    assert schedule.stage_one_end == pytest.approx(schedule.end / 2)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_stage_one_takes_the_share_that_was_asked_for(share: float) -> None:
    schedule = Schedule.of(1000.0, share, two_stages=True)
    assert schedule.stage_one_end / schedule.end == pytest.approx(share)


def test_what_was_spent_on_measuring_a_full_training_is_not_given_out_again() -> None:
    schedule = Schedule.of(1000.0, 0.5, used=300.0, two_stages=True)
    assert schedule.end == pytest.approx(959)
    assert schedule.stage_one_end == pytest.approx(300 + (959 - 300) / 2)


@pytest.mark.parametrize("budget", [120.0, 600.0, 7200.0])
@pytest.mark.parametrize("used", [0.0, 50.0])
def test_stage_one_holds_its_fifteen_trials(budget: float, used: float) -> None:
    schedule = Schedule.of(budget, 0.5, used=used, two_stages=True)
    assert STAGE_ONE_TRIALS * schedule.subgraph_slot <= schedule.stage_one_end - used


@pytest.mark.parametrize(
    ("budget", "trials"),
    [
        (120.0, 4),  # 57 s on the full graph, 23 s for the first rung: four of 5.6 s
        (600.0, 8),
        (7200.0, 8),
    ],
)
def test_first_rung_holds_its_trainings(budget: float, trials: int) -> None:
    schedule = Schedule.of(budget, 0.5, two_stages=True)
    rung = schedule.rung_end(AFTER_SUBGRAPH.first_share) - schedule.stage_one_end
    assert int(rung / schedule.full_slot + 1e-9) == trials


def test_a_training_of_the_first_rung_is_long_beside_its_start() -> None:
    schedule = Schedule.of(120.0, 0.5, two_stages=True)
    assert schedule.full_slot == pytest.approx(8 * START_SECONDS)


def test_without_a_subgraph_all_time_goes_to_the_full_graph_and_to_more_trainings() -> None:
    schedule = Schedule.of(600.0, 0.5, two_stages=False)
    assert schedule.stage_one_end == 0
    assert schedule.rungs is WITHOUT_SUBGRAPH
    assert schedule.full_slot == pytest.approx(0.6 * (600 - 25) / 24)


def test_the_best_trains_an_eighth_of_the_first_rung_half_the_second_and_all_of_the_last() -> None:
    assert AFTER_SUBGRAPH.last_share == pytest.approx(0.4 / 8 + 0.2 / 2 + 0.4)
    schedule = Schedule.of(1000.0, 0.5, two_stages=True)
    assert schedule.last_seconds == pytest.approx(0.55 * schedule.full_seconds)


def test_a_model_that_is_slow_has_fewer_and_longer_trainings() -> None:
    schedule = Schedule.of(200.0, 0.5, two_stages=True)  # 38.2 s for the first rung
    rung = 0.4 * schedule.full_seconds
    assert schedule.at_speed(5 * 2 / rung + 1e-9).rungs.trials == 5  # five times the two epochs fit
    slow = schedule.at_speed(0.01)
    assert slow.rungs.trials == 3
    assert slow.full_slot == pytest.approx(rung / 3)
    assert slow.last_seconds > schedule.last_seconds
    assert (slow.stage_one_end, slow.end) == (schedule.stage_one_end, schedule.end)


def test_a_model_that_is_fast_or_of_unknown_speed_keeps_its_trainings() -> None:
    schedule = Schedule.of(200.0, 0.5, two_stages=True)
    assert schedule.at_speed(100.0) == schedule
    assert schedule.at_speed(float("inf")) == schedule


def test_a_rest_that_is_not_worth_another_trial_goes_to_the_last_one() -> None:
    assert slot_or_rest(100.0, 10.0) == 10.0
    assert slot_or_rest(13.0, 10.0) == 13.0
    assert worth_another(4.0, 10.0)
    assert not worth_another(3.9, 10.0)
    assert not worth_another(1.4, 1.0)  # too short for any training


def test_long_starts_leave_room_for_fewer_trainings_and_none_is_left_without_its_turn() -> None:
    schedule = Schedule.of(1800.0, 0.5, two_stages=True)
    assert schedule.with_long_starts(5.0, 1800.0) == schedule  # 345 s hold 17 trainings of four starts each
    fewer = schedule.with_long_starts(30.0, 1800.0)
    assert fewer.rungs.trials == 2  # 345 s hold two of 120 s
    assert fewer.full_slot == pytest.approx(0.4 * fewer.full_seconds / 2)
    assert schedule.with_long_starts(500.0, 1800.0).rungs.trials == 1
    assert fewer.at_speed(1e-9).rungs.trials == 2  # however slow they are, no more than that


def test_a_long_test_evaluation_ends_trainings_earlier_but_not_before_stage_one_does() -> None:
    schedule = Schedule.of(1800.0, 0.5, two_stages=True)
    assert schedule.with_long_starts(1.0, 1300.0).end == 1300.0
    assert schedule.with_long_starts(1.0, 10.0).end == schedule.stage_one_end


def test_a_subgraph_stage_is_short_where_the_budget_holds_many_full_trainings_or_hardly_one() -> None:
    schedule = Schedule.of(1000.0, 0.5, two_stages=True)
    whole = schedule.end - schedule.began
    assert schedule.at_cost(whole / 3, slots=1) == schedule
    assert schedule.at_cost(whole / 3.5, slots=1) == schedule
    many = schedule.at_cost(whole / 5, slots=2, spent=100.0)
    assert many.stage_one_end == pytest.approx(50 + 0.2 * whole)
    assert many.rungs is BEFORE_MOVES
    assert schedule.at_cost(whole / 3, slots=2).rungs is BEFORE_MOVES  # two slots hold six of them
    one = schedule.at_cost(whole, slots=4)  # it cannot be shared out over slots
    assert one.stage_one_end == pytest.approx(0.2 * whole)
    assert one.rungs is AFTER_SUBGRAPH


@pytest.mark.parametrize("budget", [60.0, 120.0, 180.0, 3600.0])
@pytest.mark.parametrize("trainings", [0.8, 2.0, 8.0], ids=["hardly one", "a few", "many"])
@pytest.mark.parametrize("slots", [1, 2])
def test_stage_one_holds_its_fifteen_trials_after_the_first_training(
    budget: float, trainings: float, slots: int
) -> None:
    usual = Schedule.of(budget, 0.5, two_stages=True)
    spent = 0.2 * (usual.end - usual.began)
    schedule = usual.at_cost((usual.end - usual.began) / trainings, slots, spent)
    left = slots * (schedule.stage_one_end - usual.began) - spent
    held = (
        STAGE_ONE_TRIALS if budget > 60 else 11
    )  # seconds and a half each; the other half is the full graph's
    assert int(left / schedule.subgraph_slot) >= held


def test_finding_out_what_a_training_costs_never_makes_the_subgraph_stage_longer() -> None:
    schedule = Schedule.of(1000.0, 0.5, two_stages=True)
    whole = schedule.end - schedule.began
    late = schedule.at_cost(whole / 5, slots=1, spent=0.4 * whole)  # with the fifth that is more than half
    assert late.stage_one_end == schedule.stage_one_end
