"""The full graph: the default configuration and what was found, by successive halving or each to its end."""

from __future__ import annotations

from optuna.study import Study

from kgtuner.execution.storage import value_of
from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.space.loading import named_parameters
from kgtuner.space.space import Space
from kgtuner.tuning.default_trial import offer_default
from kgtuner.tuning.full_search import FullSearch
from kgtuner.tuning.halving import halving
from kgtuner.tuning.memory_plan import size_of
from kgtuner.tuning.running import TuningRun
from kgtuner.tuning.schedule import Schedule, worth_another
from kgtuner.tuning.trials import FULL_STEPS, begun, count, limited, observed, study_of, waits
from kgtuner.tuning.under_way import StagePlan


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
                (not waits(study) and offer_default(run, plan, study, None))
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
    halving(run, plan, study, search, schedule, graph)
    run.drop_checkpoints()
    run.end_stage()


def _offer_new(run: TuningRun, plan: StagePlan, study: Study, search: FullSearch) -> bool:
    """Begin what is tried next, where trials are counted."""
    if plan.trials is None or begun(run, study) >= plan.trials:
        return False
    trial, config = search.next(None, None)
    checkpoint = run.checkpoint_path(trial)
    run.launch(plan, study, trial, limited(run, config, FULL_STEPS, None), checkpoint)
    return True
