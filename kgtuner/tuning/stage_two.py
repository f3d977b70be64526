"""The full graph: the default configuration and what was found, many short trainings, then fewer and longer ones."""

from __future__ import annotations

import math
from dataclasses import replace

from optuna.study import Study
from optuna.trial import FrozenTrial

from kgtuner.config import TrialConfig
from kgtuner.execution.storage import RESULT, drop_waiting, storage_errors, value_of
from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.space.loading import named_parameters
from kgtuner.space.space import Space
from kgtuner.tuning.full_search import FullSearch
from kgtuner.tuning.memory_plan import fitted
from kgtuner.tuning.raising import FREE_SHARE, free_memory
from kgtuner.tuning.result import best_trial
from kgtuner.tuning.running import AGAIN, DEFAULT, ORIGIN, StagePlan, TuningRun
from kgtuner.tuning.schedule import LEAST_TRIAL_SECONDS, Schedule, slot_or_rest, worth_another
from kgtuner.tuning.trials import FULL_STEPS, count, limited, observed, size_of, study_of
from kgtuner.types import INTERRUPTED

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
        _train_defaults(run, plan, study, None)
        while count(study) < plan.trials:
            trial, config = search.next(None, None)
            checkpoint = run.checkpoint_path(trial)
            run.train(plan, study, trial, limited(run, config, FULL_STEPS, None), checkpoint)
        run.drop_checkpoints()
        run.end_stage()
        return
    assert plan.ends_at is not None
    if not worth_another(plan.ends_at - run.elapsed, schedule.full_slot):
        return
    run.begin(plan, graph.n_entities, len(graph.train))
    slot = schedule.full_slot
    _train_defaults(run, plan, study, slot)
    schedule = schedule.at_speed(max(_epochs_per_second(study, plan), search.epochs_per_second()))
    rungs = schedule.rungs
    if schedule.full_slot > slot:
        _go_on_with_defaults(run, plan, study, schedule.full_slot - slot)
    _search(run, plan, study, search, schedule, schedule.rung_end(rungs.first_share), rungs.trials)
    _go_on_with_best(run, plan, study, 2, schedule.rung_end(rungs.second_share))
    _go_on_with_best(run, plan, study, 1, plan.ends_at)
    # Where trainings ended by themselves there is time left for others.
    _search(run, plan, study, search, schedule, plan.ends_at, None)
    run.drop_checkpoints()
    run.end_stage()


def _train_defaults(run: TuningRun, plan: StagePlan, study: Study, seconds: float | None) -> None:
    """The default configuration of each model, as long as trials are left for what was found."""
    for number, model in enumerate(run.settings.models):
        if number == 0 or plan.trials is None or count(study) < plan.trials - 1:
            train_default(run, plan, study, model, seconds)


def train_default(run: TuningRun, plan: StagePlan, study: Study, model: str, seconds: float | None) -> None:
    """Train the default configuration of a model, unless it has been, well or badly."""
    tried = [t.user_attrs for t in study.get_trials(deepcopy=False) if t.user_attrs.get(DEFAULT) == model]
    if not run.settings.try_default or any(INTERRUPTED not in notes for notes in tried):
        return
    with storage_errors(run.folder.study):
        trial = study.ask()
        trial.set_user_attr(DEFAULT, model)
        for notes in tried:  # it was cut off, and goes on from where it was
            trial.set_user_attr(ORIGIN, notes.get(ORIGIN, trial.number))
        checkpoint = run.checkpoint_path(trial)
    config = fitted(run.default_of(model), plan.size, FREE_SHARE * free_memory(run.settings.device))
    run.train(plan, study, trial, limited(run, config, FULL_STEPS, seconds), checkpoint)


def _go_on_with_defaults(run: TuningRun, plan: StagePlan, study: Study, seconds: float) -> None:
    """Give the default configurations as much time as the others will have in the first rung."""
    trials = study.get_trials(deepcopy=False)
    went_on = {t.user_attrs.get(AGAIN) for t in trials if value_of(t) is not None}
    for trial in trials:
        first = DEFAULT in trial.user_attrs and AGAIN not in trial.user_attrs and value_of(trial) is not None
        if first and trial.number not in went_on and trial.user_attrs[RESULT]["stopped_by"] == "max_seconds":
            _go_on(run, plan, study, trial, seconds, rung=1)


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
    slot = schedule.full_slot
    went_on = sum(AGAIN in t.user_attrs for t in study.get_trials(deepcopy=False))
    while worth_another(ends_at - run.elapsed, slot) and (most is None or count(study) - went_on < most):
        trial, config = search.next(slot, schedule.last_seconds)
        seconds = slot_or_rest(ends_at - run.elapsed, slot)
        run.train(
            plan,
            study,
            trial,
            limited(run, config, FULL_STEPS, seconds),
            run.checkpoint_path(trial),
        )


def _go_on_with_best(run: TuningRun, plan: StagePlan, study: Study, keep: int, ends_at: float) -> None:
    """Let the best trainings go on from where they stopped, with equal shares of the time to `ends_at`.

    Of `keep` > 1 the default configuration is one more. When the best has ended by itself, the last rung is not made:
    its time goes to others.
    """
    with storage_errors(run.folder.study):
        drop_waiting(study)
    trials = [t for t in study.get_trials(deepcopy=False) if value_of(t) is not None]
    if keep > 1 and any(t.user_attrs.get(RUNG, 1) > 1 for t in trials):
        return  # a resumed run that has been here
    went_on = {t.user_attrs[AGAIN] for t in trials if AGAIN in t.user_attrs}
    heads = [t for t in trials if t.number not in went_on]  # where each training stands now
    best = best_trial(heads)
    if keep == 1 and best is not None:  # what had more time has shown more; but the best stays in
        longest = max(_trained(t) for t in heads)
        heads = [t for t in heads if _trained(t) >= 0.5 * longest or t is best]
    able = [
        t
        for t in heads
        if t.user_attrs[RESULT]["stopped_by"] == "max_seconds"
        and run.checkpoint_path(run.root(study, t)).exists()
    ]
    if keep == 1 and best not in able:
        return
    able = sorted(able, key=lambda t: -(value_of(t) or 0.0))
    # The best default goes into the second rung in any case: it may learn slowly and end well.
    defaults = [t for t in able[keep:] if DEFAULT in t.user_attrs][: int(keep > 1)]
    able = [*able[:keep], *defaults]
    for left, trial in zip(range(len(able), 0, -1), able, strict=True):
        seconds = (ends_at - run.elapsed) / left
        if seconds >= LEAST_TRIAL_SECONDS:
            _go_on(run, plan, study, trial, seconds, rung=2 if keep > 1 else 3)


def _go_on(
    run: TuningRun, plan: StagePlan, study: Study, before: FrozenTrial, seconds: float, *, rung: int
) -> None:
    """Train on from where a trial stopped, for so many seconds more."""
    with storage_errors(run.folder.study):
        trial = study.ask()
        trial.set_user_attr(AGAIN, before.number)
        trial.set_user_attr(RUNG, rung)
        if DEFAULT in before.user_attrs:
            trial.set_user_attr(DEFAULT, before.user_attrs[DEFAULT])
    config = limited(run, TrialConfig.from_mapping(before.user_attrs[RESULT]["config"]), FULL_STEPS, seconds)
    checkpoint = run.checkpoint_path(run.root(study, before))
    done = _trained(before) if checkpoint.exists() else 0.0
    total = done + (config.training.max_seconds or 0.0)
    run.train(plan, study, trial, replace_seconds(config, total), checkpoint)


def replace_seconds(config: TrialConfig, total: float) -> TrialConfig:
    """The limit of a training that goes on counts what it had before."""
    return replace(config, training=replace(config.training, max_seconds=total))


def _trained(trial: FrozenTrial) -> float:
    """Seconds of training behind a trial, what it went on from included."""
    return float(trial.user_attrs[RESULT]["seconds"])
