"""What both stages need around their trials: their study, their limits, and where their time stands."""

from __future__ import annotations

from dataclasses import replace
from itertools import zip_longest
from typing import Any

import numpy as np
from optuna.study import Study
from optuna.trial import Trial, TrialState

from kgtuner.config import TrialConfig
from kgtuner.domains import Choices, Float
from kgtuner.errors import ConfigError
from kgtuner.execution.storage import RESULT, requeue_interrupted, storage_errors, value_of
from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.search.asking import ask
from kgtuner.search.earlier import PORTFOLIO, portfolio, shipped_studies
from kgtuner.search.proposals import Observations
from kgtuner.search.samplers import SAMPLERS, ModelSampler
from kgtuner.space.space import Space
from kgtuner.tuning.events import Stage
from kgtuner.tuning.final_ranking import END_SECONDS, Ranking, kept_back
from kgtuner.tuning.raising import GraphSize
from kgtuner.tuning.running import TuningRun
from kgtuner.tuning.sampler_names import sampler_of
from kgtuner.tuning.schedule import (
    FINAL_SHARE,
    LEAST_TRAINING_SECONDS,
    STAGE_ONE_SHARE,
    START_SECONDS,
    Schedule,
)
from kgtuner.tuning.under_way import StagePlan
from kgtuner.types import INTERRUPTED, TRAINED

SUBGRAPH_STEPS, FULL_STEPS = 20_000, 100_000  # section 5 of the method; upper limits
VALIDATIONS = 10  # in a trial whose length is set by the clock
FARTHER = 2.0  # how much longer a candidate's row takes to come from a table that is larger than the caches
VALID_TRIPLES = 1_000  # ranked by a validation inside a trial: a standard error of the MRR of about 0.01
HARD_FROM = 12.0  # seconds of a trial from which a proposal of half a second costs less than 5% of it
QUICK = {"population": 2_000, "offspring": 800, "generations": 5}
"""How hard candidates are searched before shorter trials: an eighth of a second a proposal instead of half a one."""

UNSAID = {"model.dropout": 0.0, "model.inverse_relations": "shared", "model.initializer": "xavier_normal"}
"""What a configuration means when it does not say so."""


def study_of(
    run: TuningRun,
    plan: StagePlan,
    space: Space,
    prior: Observations | None,
    slot: float | None = None,
) -> Study:
    """The stage's study, with trials that an interruption left running put first in line again.

    Args:
        slot: seconds of a trial; before short ones candidates are searched less hard.
    """
    sampler_class = SAMPLERS[sampler_of(run.settings.algorithm)]
    options: dict[str, Any] = {}
    if issubclass(sampler_class, ModelSampler):
        options["n_startup"] = 8 if plan.trials is None else max(2, min(10, plan.trials // 3))
        if slot is not None and slot < HARD_FROM:
            options |= QUICK
    sampler = sampler_class(space, seed=run.settings.seed, prior=prior, **options)
    study = run.store.study(plan.stage, sampler)
    with storage_errors(run.store.place):
        requeue_interrupted(study)
    return study


def limited(run: TuningRun, config: TrialConfig, max_steps: int, seconds: float | None) -> TrialConfig:
    """The configuration with the limits of one trial: the protocol's steps, and the time it has."""
    steps = min(max_steps, run.settings.max_steps or max_steps)
    every = (
        min(config.training.validate_every, max(1, steps // VALIDATIONS)) if run.settings.max_steps else 2_500
    )
    limits: dict[str, Any] = {
        "max_steps": steps,
        "validate_every": min(every, steps),
        "max_valid_triples": VALID_TRIPLES,
    }
    if seconds is not None:
        limits["max_seconds"] = max(LEAST_TRAINING_SECONDS, seconds - START_SECONDS)
        limits["validate_every_seconds"] = limits["max_seconds"] / VALIDATIONS
    return config.limited(**limits)


def count(study: Study) -> int:
    """Trials that ended, well or badly; those that were cut off do not count."""
    return sum(
        t.state.is_finished() and not t.user_attrs.get(INTERRUPTED) for t in study.get_trials(deepcopy=False)
    )


def begun(run: TuningRun, study: Study) -> int:
    """As `count`, with those that run now."""
    return count(study) + len(run.under_way)


def waits(study: Study) -> bool:
    """Whether trials wait that an interruption cut off: the next that is asked for is one of them."""
    return bool(study.get_trials(deepcopy=False, states=(TrialState.WAITING,)))


def asked(run: TuningRun, study: Study, space: Space) -> tuple[Trial, dict[str, Any]]:
    """Start a trial; one that a broken connection left half asked is closed."""
    with storage_errors(run.store.place):
        answer = ask(study, space)
        if len(study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))) > len(run.under_way) + 1:
            requeue_interrupted(study, {answer[0].number, *(u.number for u in run.under_way)})
    return answer


def observed(run: TuningRun, space: Space, stage: str, group: int) -> Observations:
    """All trials of a stage that say where they lie; those that failed or run have no value, which marks it as bad."""
    trials = [
        t
        for t in run.store.trials(stage)
        if t.state != TrialState.WAITING and t.params and not t.user_attrs.get(INTERRUPTED)
    ]
    values = [float("nan") if (v := value_of(t)) is None else v for t in trials]
    assignments = [t.params | t.user_attrs.get(TRAINED, {}) for t in trials]
    return Observations.of(space, assignments, values, group=group)


def within(space: Space, config: TrialConfig, *, nearly: bool = False) -> dict[str, Any] | None:
    """A configuration as a point of the space, at the space's own sizes; None when it lies outside.

    Args:
        nearly: whether a number beyond the end of its range is taken for the end.
    """
    flat = UNSAID | config.flat()
    for parameter in space.parameters:
        domain, value = parameter.domain, flat.get(parameter.name)
        if nearly and isinstance(domain, Float) and isinstance(value, int | float):
            flat[parameter.name] = min(max(value, domain.low), domain.high)
    for size in ("model.dimension", "training.batch_size"):
        domain = space.by_name[size].domain
        if not domain.contains(flat[size]) and isinstance(domain, Choices):
            flat[size] = domain.values[0]
    assignment = dict(space.restricted(flat))
    try:
        space.validate(assignment)
    except ConfigError:
        return None
    return assignment


def enqueue_defaults(run: TuningRun, study: Study, space: Space) -> None:
    """Put each model's default configuration first in line, at the size of the space, where the space has it."""
    if not study.get_trials(deepcopy=False):
        for point in defaults_within(run, space):
            study.enqueue_trial(point)


def defaults_within(run: TuningRun, space: Space) -> list[dict[str, Any]]:
    """Each model's default configuration as a point of the space; a custom or the paper's space need not contain it."""
    if not run.settings.try_default:
        return []
    points = (within(space, run.default_of(name)) for name in run.settings.models)
    return [point for point in points if point is not None]


def good_elsewhere(run: TuningRun, space: Space, graph: KnowledgeGraph) -> list[dict[str, Any]]:
    """What was good on other graphs, as points of the space, the most promising first; the models take turns."""
    if not run.settings.try_earlier:
        return []
    studies, by_model = shipped_studies(), []
    for model in run.settings.models:
        found = portfolio(studies, graph.name, model, graph.n_entities, len(graph.train))
        points = (within(space, TrialConfig.from_flat(config), nearly=True) for config in found)
        by_model.append([point for point in points if point is not None][:PORTFOLIO])
    return [point for in_turn in zip_longest(*by_model) for point in in_turn if point is not None]


def schedule_of(run: TuningRun, *, two_stages: bool) -> Schedule | None:
    """When the parts of the budget end; None when it is not counted in seconds."""
    if run.budget_seconds is None:
        return None
    return Schedule.of(
        run.budget_seconds,
        run.settings.stage_one_share or STAGE_ONE_SHARE,
        used=run.full_training_seconds,
        two_stages=two_stages,
    )


def trainings_end(run: TuningRun, graph: KnowledgeGraph) -> float | None:
    """Seconds of the budget at which trials must be over: evaluating two models on test still has to fit.

    Judged by what validating them took, once that is known; where false answers are given, also by what it took on
    the subgraph, because there as many are ranked for each triple.
    """
    if run.budget_seconds is None:
        return None
    judged = any(value_of(t) is not None for t in run.store.trials("full"))
    return end_for_test(run, graph, "subgraph" if graph.given and not judged else "full")


def end_for_test(
    run: TuningRun, graph: KnowledgeGraph, stage: Stage, small: GraphSize | None = None
) -> float:
    """The same, judged by the trials of one stage.

    Args:
        small: the subgraph, whose validations rank fewer entities unless false answers are given.
    """
    budget = run.budget_seconds or 0.0
    times = FARTHER if stage == "subgraph" else 1.0
    if small is not None and not graph.given:
        times *= graph.n_entities / small.entities
    each = [
        Ranking.judged_by(t.user_attrs[RESULT], len(graph.test), times=times)
        for t in run.store.trials(stage)
        if value_of(t) is not None
    ]
    slowest = max(each, key=Ranking.seconds, default=None)
    return budget - END_SECONDS - (FINAL_SHARE * budget if slowest is None else kept_back(slowest, budget))


def leaving_time_for_test(
    run: TuningRun, graph: KnowledgeGraph, plan: StagePlan, schedule: Schedule
) -> tuple[StagePlan, Schedule]:
    """The two with another end where ranking test takes longer than was thought before the full graph was validated."""
    budget = run.budget_seconds or 0.0
    end = min(budget - END_SECONDS - FINAL_SHARE * budget, end_for_test(run, graph, "full"))
    end = max(end, schedule.stage_one_end)
    return replace(plan, ends_at=end), replace(schedule, end=end)


def expected_start(run: TuningRun, small: GraphSize, whole: GraphSize) -> float:
    """Seconds of a training on the full graph before its first step, from what it took on the subgraph."""
    took = [
        t.user_attrs[RESULT].get("preparation_seconds", 0.0)
        for t in run.store.trials("subgraph")
        if value_of(t) is not None
    ]
    return float(np.median(took)) * whole.triples / max(1, small.triples) if took else 0.0
