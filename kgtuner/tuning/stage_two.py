"""The full graph: the default configuration and what was found, many short trainings, then fewer and longer ones."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial

from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from kgtuner.config import TrialConfig
from kgtuner.execution.storage import RESULT, drop_waiting, storage_errors, value_of
from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.space.loading import named_parameters
from kgtuner.space.space import Space
from kgtuner.tuning.full_search import FullSearch
from kgtuner.tuning.kept_models import AGAIN, DEFAULT, ORIGIN
from kgtuner.tuning.measuring import a_share, seconds_to_best, still_rises, value_within
from kgtuner.tuning.memory_plan import fitted
from kgtuner.tuning.raising import FREE_SHARE
from kgtuner.tuning.result import best_trial
from kgtuner.tuning.running import TuningRun
from kgtuner.tuning.schedule import LEAST_TRIAL_SECONDS, START_SECONDS, Schedule, slot_or_rest, worth_another
from kgtuner.tuning.trials import (
    FULL_STEPS,
    begun,
    count,
    leaving_time_for_test,
    limited,
    observed,
    size_of,
    study_of,
)
from kgtuner.tuning.under_way import StagePlan
from kgtuner.types import INTERRUPTED

SETTLED = 1.25  # times the seconds until the best was at its best, for a training that is compared with it
PROMISING = 0.8  # of the best after as much time: below that no training goes into the second rung
RUNG = "rung"  # in the notes of a trial that goes on: which rung that belongs to


def stage_two(
    run: TuningRun,
    plan: StagePlan,
    schedule: Schedule | None,
    space: Space,
    graph: KnowledgeGraph,
    subgraph: KnowledgeGraph | None,
) -> None:
    """Spend what is left on the full graph.

    With a clock this is successive halving: short trainings, the best two of them and the default configuration go
    on for longer, the best one for the rest of the time, each from where it stopped. With a number of trials each
    trains to its end.

    With several slots there are as many times more short trainings, a rung ends when all of its trainings have, and
    slots that a rung has nothing for take new configurations.

    Args:
        run, space: as everywhere.
        plan: `plan.ends_at` is when trainings must be over.
        schedule: None without a wall-clock budget.
        subgraph: stage one's graph; None when there was no stage one.
    """
    found = [t for t in run.store.trials("subgraph") if value_of(t) is not None]
    prior = observed(run, space, "subgraph", 1)
    slot = None if schedule is None else schedule.full_slot
    study = study_of(run, plan, space, prior if len(prior) else None, slot)
    named = named_parameters(run.settings.space)
    search = FullSearch(
        run,
        space,
        study,
        prior,
        found,
        None if subgraph is None else size_of(subgraph),
        size_of(graph),
        raise_dimension="model.dimension" not in named,
        raise_batch="training.batch_size" not in named,
    )
    if schedule is None:
        assert plan.trials is not None
        if count(study) >= plan.trials:
            return
        run.begin(plan, graph.n_entities, len(graph.train))
        run.fill(
            lambda: (
                (not _waiting(study) and _offer_default(run, plan, study, None))
                or _offer_new(run, plan, study, search)
            )
        )
        run.drop_checkpoints()
        run.end_stage()
        return
    assert plan.ends_at is not None
    if not worth_another(plan.ends_at - run.elapsed, schedule.full_slot):
        return
    run.begin(plan, graph.n_entities, len(graph.train))
    _rungs(run, plan, study, search, schedule, graph)
    run.drop_checkpoints()
    run.end_stage()


def _rungs(
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
    beside = _Beside(run, plan, study, search, schedule)

    def offer_first() -> bool:
        if _waiting(study):
            if worth_another(first_end - run.elapsed, slot):
                _begin_new(run, plan, study, search, schedule, first_end)
                return True
            with storage_errors(run.store.place):
                drop_waiting(study)  # what is asked for next would be one of them
        return _offer_default(run, plan, study, slot) or beside.offer(first_end)

    run.fill(offer_first)
    plan, schedule = leaving_time_for_test(run, graph, plan, schedule)
    assert plan.ends_at is not None
    after = schedule.at_speed(max(_epochs_per_second(study, plan), search.epochs_per_second()))
    first_end, second_end = (
        after.rung_end(share) for share in (after.rungs.first_share, after.rungs.second_share)
    )
    beside = _Beside(run, plan, study, search, after)
    if after.full_slot > slot:
        _go_on_with_defaults(run, plan, study, after.full_slot)
    _search(run, plan, study, search, after, first_end, slots * after.rungs.trials)
    _go_on_with_best(run, plan, study, max(2, slots - 1), second_end, beside)
    plan, _ = leaving_time_for_test(run, graph, plan, after)  # of larger models too by now
    assert plan.ends_at is not None
    moves = _Moves(run, plan, study, search, after)
    _go_on_with_last(run, plan, study, plan.ends_at, moves)
    # Where the best training ended by itself there is time left to move on from it.
    run.fill(partial(moves.offer, plan.ends_at))


@dataclass(frozen=True)
class _Beside:
    """New configurations for slots that are free while something else trains; with one slot there are none."""

    run: TuningRun
    plan: StagePlan
    study: Study
    search: FullSearch
    schedule: Schedule

    def offer(self, ends_at: float) -> bool:
        """Begin one that ends in time."""
        rest, slot = ends_at - self.run.elapsed, self.schedule.full_slot
        if not self.run.under_way or not worth_another(rest, slot):
            return False
        _begin_new(self.run, self.plan, self.study, self.search, self.schedule, ends_at)
        return True


class _Moves(_Beside):
    """Small moves from the best configuration, each with the time that the best took to be at its best."""

    def offer(self, ends_at: float) -> bool:
        run, rest = self.run, ends_at - self.run.elapsed
        best = best_trial(self.study.get_trials(deepcopy=False))
        if best is None or not worth_another(rest, self.schedule.full_slot):
            return False
        slot = max(self.schedule.full_slot, START_SECONDS + SETTLED * seconds_to_best(best))
        if self._goes_on(best):
            _go_on(run, self.plan, self.study, best, slot_or_rest(rest, slot / 2), rung=3)
            return True
        found = self.search.move(slot, rest)
        if found is None:
            _begin_new(run, self.plan, self.study, self.search, self.schedule, ends_at)
            return True
        trial, config, seconds = found
        config = limited(run, config, FULL_STEPS, slot_or_rest(rest, seconds))
        run.launch(self.plan, self.study, trial, config, run.checkpoint_path(trial))
        return True

    def _goes_on(self, best: FrozenTrial) -> bool:
        """Whether the best was cut off while it rose, and does not go on already."""
        trials = self.study.get_trials(deepcopy=False)
        went_on = any(
            t.user_attrs.get(AGAIN) == best.number and INTERRUPTED not in t.user_attrs for t in trials
        )
        return not went_on and still_rises(best) and _may_go_on(self.run, self.study, best)


def _waiting(study: Study) -> bool:
    """Whether trials wait that an interruption cut off: the next that is asked for is one of them."""
    return bool(study.get_trials(deepcopy=False, states=(TrialState.WAITING,)))


def _offer_default(run: TuningRun, plan: StagePlan, study: Study, seconds: float | None) -> bool:
    """Begin the default configuration of the next model, as long as trials are left for what was found."""
    for number, model in enumerate(run.settings.models):
        room = number == 0 or plan.trials is None or begun(run, study) < plan.trials - 1
        if room and launch_default(run, plan, study, model, seconds):
            return True
    return False


def launch_default(run: TuningRun, plan: StagePlan, study: Study, model: str, seconds: float | None) -> bool:
    """Begin the default configuration of a model, unless it has been, well or badly."""
    tried = [t for t in study.get_trials(deepcopy=False) if t.user_attrs.get(DEFAULT) == model]
    if not run.settings.try_default or any(INTERRUPTED not in t.user_attrs for t in tried):
        return False
    with storage_errors(run.store.place):
        trial = study.ask()
        trial.set_user_attr(DEFAULT, model)
        for before in tried:  # it was cut off, and goes on from where it was
            trial.set_user_attr(ORIGIN, before.user_attrs.get(ORIGIN, trial.number))
        checkpoint = run.checkpoint_path(trial)
    config = fitted(run.default_of(model), plan.size, FREE_SHARE * run.free_memory())
    run.launch(plan, study, trial, limited(run, config, FULL_STEPS, seconds), checkpoint)
    return True


def _offer_new(run: TuningRun, plan: StagePlan, study: Study, search: FullSearch) -> bool:
    """Begin what is tried next, where trials are counted."""
    if plan.trials is None or begun(run, study) >= plan.trials:
        return False
    trial, config = search.next(None, None)
    checkpoint = run.checkpoint_path(trial)
    run.launch(plan, study, trial, limited(run, config, FULL_STEPS, None), checkpoint)
    return True


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
        and seconds - _trained(t) >= LEAST_TRIAL_SECONDS
    ]

    def offer() -> bool:
        if not short:
            return False
        trial = short.pop(0)
        _go_on(run, plan, study, trial, seconds - _trained(trial), rung=1)
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
    went_on = sum(AGAIN in t.user_attrs for t in study.get_trials(deepcopy=False))

    def offer() -> bool:
        if not worth_another(ends_at - run.elapsed, schedule.full_slot):
            return False
        if most is not None and begun(run, study) - went_on >= most:
            return False
        _begin_new(run, plan, study, search, schedule, ends_at)
        return True

    run.fill(offer)


def _begin_new(
    run: TuningRun, plan: StagePlan, study: Study, search: FullSearch, schedule: Schedule, ends_at: float
) -> None:
    slot = schedule.full_slot
    trial, config = search.next(slot, schedule.last_seconds)
    seconds = slot_or_rest(ends_at - run.elapsed, slot)
    run.launch(plan, study, trial, limited(run, config, FULL_STEPS, seconds), run.checkpoint_path(trial))


def _go_on_with_best(
    run: TuningRun, plan: StagePlan, study: Study, keep: int, ends_at: float, beside: _Beside
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
    able = sorted((t for t in heads if _may_go_on(run, study, t)), key=lambda t: -value_within(t, as_long))
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
                _go_on(run, plan, study, trial, seconds, rung=2)
                return True
        return beside.offer(ends_at)

    run.fill(offer)


def _go_on_with_last(run: TuningRun, plan: StagePlan, study: Study, ends_at: float, beside: _Beside) -> None:
    """Let the best training go on for the rest of the time; a second slot takes the second best, others new ones.

    When the best has ended by itself, this rung is not made: its time goes to others.
    """
    with storage_errors(run.store.place):
        drop_waiting(study)
    trials = [t for t in study.get_trials(deepcopy=False) if value_of(t) is not None]
    went_on = {t.user_attrs[AGAIN] for t in trials if AGAIN in t.user_attrs}
    heads = [t for t in trials if t.number not in went_on]  # where each training stands now
    as_long = _as_long(heads)
    best = max(heads, key=lambda t: (value_within(t, as_long), _trained(t)), default=None)
    if best is None or not _may_go_on(run, study, best):
        return
    longest = min(as_long, max(_trained(t) for t in heads))
    others = [
        t  # what had more time has shown more
        for t in heads
        if t is not best and _trained(t) >= 0.5 * longest and _may_go_on(run, study, t)
    ]
    able = [best, *sorted(others, key=lambda t: -(value_of(t) or 0.0))[: int(run.executor.slots > 1)]]

    def offer() -> bool:
        seconds = ends_at - run.elapsed
        if able and seconds >= LEAST_TRIAL_SECONDS:
            _go_on(run, plan, study, able.pop(0), seconds, rung=3)
            return True
        return beside.offer(ends_at)

    run.fill(offer)


def _as_long(heads: list[FrozenTrial]) -> float:
    """Seconds of training by which heads are compared: the default configuration may have had more than all others."""
    return max((_trained(t) for t in heads if DEFAULT not in t.user_attrs), default=math.inf)


def _may_go_on(run: TuningRun, study: Study, trial: FrozenTrial) -> bool:
    """Whether a training was ended by its time and its whole state is still there."""
    cut = trial.user_attrs[RESULT]["stopped_by"] == "max_seconds"
    return cut and run.checkpoint_path(run.root(study, trial)).exists()


def _go_on(
    run: TuningRun, plan: StagePlan, study: Study, before: FrozenTrial, seconds: float, *, rung: int
) -> None:
    """Train on from where a trial stopped, for so many seconds more."""
    with storage_errors(run.store.place):
        trial = study.ask()
        trial.set_user_attr(AGAIN, before.number)
        trial.set_user_attr(RUNG, rung)
        if DEFAULT in before.user_attrs:
            trial.set_user_attr(DEFAULT, before.user_attrs[DEFAULT])
    config = limited(run, TrialConfig.from_mapping(before.user_attrs[RESULT]["config"]), FULL_STEPS, seconds)
    checkpoint = run.checkpoint_path(run.root(study, before))
    done = _trained(before) if checkpoint.exists() else 0.0
    total = done + (config.training.max_seconds or 0.0)
    run.launch(plan, study, trial, replace_seconds(config, total), checkpoint)


def replace_seconds(config: TrialConfig, total: float) -> TrialConfig:
    """The limit of a training that goes on counts what it had before."""
    return replace(config, training=replace(config.training, max_seconds=total))


def _trained(trial: FrozenTrial) -> float:
    """Seconds of training behind a trial, what it went on from included."""
    return float(trial.user_attrs[RESULT]["seconds"])
