"""Successive halving on the full graph: many short trainings, the best for longer, the very best for the rest."""

from __future__ import annotations

import math
from functools import partial

from optuna.study import Study
from optuna.trial import FrozenTrial

from kgtuner.execution.storage import RESULT, drop_waiting, storage_errors, value_of
from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.tuning.default_trial import offer_default
from kgtuner.tuning.full_search import FullSearch
from kgtuner.tuning.going_on import RUNG, go_on, may_go_on, trained_seconds
from kgtuner.tuning.kept_models import AGAIN, DEFAULT
from kgtuner.tuning.measuring import a_share, value_within
from kgtuner.tuning.running import TuningRun
from kgtuner.tuning.schedule import LEAST_TRIAL_SECONDS, Schedule, worth_another
from kgtuner.tuning.spare_time import Beside, Moves, begin_new
from kgtuner.tuning.trials import begun, leaving_time_for_test, waits
from kgtuner.tuning.under_way import StagePlan
from kgtuner.types import INTERRUPTED

PROMISING = 0.8  # of the best after as much time: below that no training goes into the second rung


def halving(
    run: TuningRun,
    plan: StagePlan,
    study: Study,
    search: FullSearch,
    schedule: Schedule,
    graph: KnowledgeGraph,
) -> None:
    """Successive halving: many short trainings, the best of them for longer, the very best for the rest of the time."""
    assert plan.ends_at is not None
    slots, slot = run.executor.slots, schedule.full_slot
    first_end = schedule.rung_end(schedule.rungs.first_share)
    beside = Beside(run, plan, study, search, schedule)

    def offer_first() -> bool:
        if waits(study):
            if worth_another(first_end - run.elapsed, slot):
                begin_new(run, plan, study, search, schedule, first_end)
                return True
            with storage_errors(run.store.place):
                drop_waiting(study)  # what is asked for next would be one of them
        return offer_default(run, plan, study, slot) or beside.offer(first_end)

    run.fill(offer_first)
    plan, schedule = leaving_time_for_test(run, graph, plan, schedule)
    assert plan.ends_at is not None
    after = schedule.at_speed(max(_epochs_per_second(study, plan), search.epochs_per_second()))
    first_end, second_end = (
        after.rung_end(share) for share in (after.rungs.first_share, after.rungs.second_share)
    )
    beside = Beside(run, plan, study, search, after)
    if after.full_slot > slot:
        _go_on_with_defaults(run, plan, study, after.full_slot)
    _search(run, plan, study, search, after, first_end, slots * after.rungs.trials)
    _go_on_with_best(run, plan, study, max(2, slots - 1), second_end, beside)
    plan, _ = leaving_time_for_test(run, graph, plan, after)  # of larger models too by now
    assert plan.ends_at is not None
    moves = Moves(run, plan, study, search, after)
    _go_on_with_last(run, plan, study, plan.ends_at, moves)
    # Where the best training ended by itself there is time left to move on from it.
    run.fill(partial(moves.offer, plan.ends_at))


def _go_on_with_defaults(run: TuningRun, plan: StagePlan, study: Study, seconds: float) -> None:
    """Give the default configurations as many seconds as the others will have in the first rung, if they had fewer."""
    trials = study.get_trials(deepcopy=False)
    went_on = {t.user_attrs.get(AGAIN) for t in trials if value_of(t) is not None}
    short = [
        t
        for t in trials
        if DEFAULT in t.user_attrs
        and AGAIN not in t.user_attrs
        and value_of(t) is not None
        and t.number not in went_on
        and t.user_attrs[RESULT]["stopped_by"] == "max_seconds"
        and seconds - trained_seconds(t) >= LEAST_TRIAL_SECONDS
    ]

    def offer() -> bool:
        if not short:
            return False
        trial = short.pop(0)
        go_on(run, plan, study, trial, seconds - trained_seconds(trial), rung=1)
        return True

    run.fill(offer)


def _epochs_per_second(study: Study, plan: StagePlan) -> float:
    """How fast the default configurations passed over the graph; infinite where none was trained."""
    first = [t.user_attrs for t in study.get_trials(deepcopy=False) if DEFAULT in t.user_attrs]
    done = [attrs[RESULT] for attrs in first if RESULT in attrs and AGAIN not in attrs]
    seconds = sum(float(result["seconds"]) for result in done)
    if not seconds:
        return math.inf
    return sum(float(result["queries"]) for result in done) / (2 * plan.size.triples) / seconds


def _search(
    run: TuningRun,
    plan: StagePlan,
    study: Study,
    search: FullSearch,
    schedule: Schedule,
    ends_at: float,
    most: int | None,
) -> None:
    """New configurations, each with a slot of the first rung, until the time or the number is reached."""
    trials = study.get_trials(deepcopy=False)
    went_on = sum(
        AGAIN in t.user_attrs and INTERRUPTED not in t.user_attrs for t in trials
    )  # as `begun` counts

    def offer() -> bool:
        if not worth_another(ends_at - run.elapsed, schedule.full_slot):
            return False
        if most is not None and begun(run, study) - went_on >= most:
            return False
        begin_new(run, plan, study, search, schedule, ends_at)
        return True

    run.fill(offer)


def _go_on_with_best(
    run: TuningRun, plan: StagePlan, study: Study, keep: int, ends_at: float, beside: Beside
) -> None:
    """Let the best trainings and the default configuration go on, with equal shares of the time to `ends_at`.

    Each goes on from where it stopped in the first rung.
    """
    with storage_errors(run.store.place):
        drop_waiting(study)
    trials = [t for t in study.get_trials(deepcopy=False) if value_of(t) is not None]
    if any(t.user_attrs.get(RUNG, 1) > 2 for t in trials):
        return  # a resumed run that has been further
    went_on = {t.user_attrs[AGAIN] for t in trials if AGAIN in t.user_attrs and t.user_attrs[RUNG] == 1}
    heads = [t for t in trials if t.number not in went_on and t.user_attrs.get(RUNG, 1) == 1]
    as_long = _as_long(heads)
    best = max((value_within(t, as_long) for t in heads), default=0.0)
    enough = a_share(best, PROMISING)
    able = sorted((t for t in heads if may_go_on(run, study, t)), key=lambda t: -value_within(t, as_long))
    promising = [t for t in able if value_within(t, as_long) >= enough][:keep]
    # The best default goes into the second rung in any case: it may learn slowly and end well.
    defaults = [t for t in able if DEFAULT in t.user_attrs and t not in promising][:1]
    been = {t.user_attrs[AGAIN] for t in trials if t.user_attrs.get(RUNG) == 2}
    able = [t for t in [*promising, *defaults] if t.number not in been]

    def offer() -> bool:
        while able:
            rounds = math.ceil(len(able) / run.executor.slots)
            seconds = (ends_at - run.elapsed) / rounds
            trial = able.pop(0)
            if seconds >= LEAST_TRIAL_SECONDS:
                go_on(run, plan, study, trial, seconds, rung=2)
                return True
        return beside.offer(ends_at)

    run.fill(offer)


def _go_on_with_last(run: TuningRun, plan: StagePlan, study: Study, ends_at: float, moves: Moves) -> None:
    """Let the best training go on for the rest of the time; a second slot takes the second best, others moves from it.

    When the best has ended by itself, this rung is not made: its time goes to others.
    """
    with storage_errors(run.store.place):
        drop_waiting(study)
    trials = [t for t in study.get_trials(deepcopy=False) if value_of(t) is not None]
    went_on = {t.user_attrs[AGAIN] for t in trials if AGAIN in t.user_attrs}
    heads = [t for t in trials if t.number not in went_on]  # where each training stands now
    as_long = _as_long(heads)
    best = max(heads, key=lambda t: (value_within(t, as_long), trained_seconds(t)), default=None)
    if best is None or not may_go_on(run, study, best):
        return
    longest = min(as_long, max(trained_seconds(t) for t in heads))
    others = [
        t  # what had more time has shown more
        for t in heads
        if t is not best and trained_seconds(t) >= 0.5 * longest and may_go_on(run, study, t)
    ]
    able = [best, *sorted(others, key=lambda t: -(value_of(t) or 0.0))[: int(run.executor.slots > 1)]]

    def offer() -> bool:
        seconds = ends_at - run.elapsed
        if able and seconds >= LEAST_TRIAL_SECONDS:
            go_on(run, plan, study, able.pop(0), seconds, rung=3)
            return True
        return moves.offer(ends_at)

    run.fill(offer)


def _as_long(heads: list[FrozenTrial]) -> float:
    """Seconds of training by which heads are compared: the default configuration may have had more than all others."""
    return max((trained_seconds(t) for t in heads if DEFAULT not in t.user_attrs), default=math.inf)
