"""Stage one: many configurations on a sampled part of the graph."""

from __future__ import annotations

from kgtuner.config import TrialConfig
from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.space.space import Space
from kgtuner.tuning.first_training import FirstTraining
from kgtuner.tuning.memory_plan import size_of
from kgtuner.tuning.raising import GraphSize
from kgtuner.tuning.running import TuningRun
from kgtuner.tuning.schedule import (
    LEAST_TRAINING_SECONDS,
    START_SECONDS,
    Schedule,
    slot_or_rest,
    worth_another,
)
from kgtuner.tuning.trials import (
    SUBGRAPH_STEPS,
    asked,
    begun,
    enqueue_defaults,
    limited,
    study_of,
)
from kgtuner.tuning.under_way import StagePlan


def stage_one(
    run: TuningRun,
    plan: StagePlan,
    schedule: Schedule | None,
    space: Space,
    graph: KnowledgeGraph,
    whole: GraphSize,
    first: FirstTraining,
) -> Schedule | None:
    """Propose from the space, train on the subgraph, learn, until the stage's share is spent.

    Each slot gets a proposal as soon as it is free, with the trials that run elsewhere counted as not good.

    Args:
        run, plan, space: as everywhere.
        schedule: None without a wall-clock budget.
        graph: the subgraph; whole: the size of the graph it comes from.
        first: the training on the full graph that comes before all, if one does.

    Returns:
        The schedule, changed where the first training said that a subgraph saves little.
    """
    small = size_of(graph)
    study = study_of(run, plan, space, None, None if schedule is None else schedule.subgraph_slot)

    def over() -> bool:
        nonlocal schedule
        if schedule is not None:
            schedule = first.schedule()
        if plan.trials is not None:
            return begun(run, study) >= plan.trials
        assert schedule is not None
        return not worth_another(schedule.stage_one_end - run.elapsed, schedule.subgraph_slot)

    if over():
        run.models.drop_unfinished()
        return schedule
    run.begin(plan, graph.n_entities, len(graph.train))
    enqueue_defaults(run, study, space)

    def offer() -> bool:
        if first.offer():
            return True
        if over():
            return False
        trial, assignment = asked(run, study, space)
        config = scaled_down(TrialConfig.from_flat(assignment), small, whole)
        seconds = None
        if schedule is not None:
            slot = slot_or_rest(schedule.stage_one_end - run.elapsed, schedule.subgraph_slot)
            seconds = min(slot, as_many_epochs(config, small, whole, schedule.last_seconds))
        config = limited(run, config, SUBGRAPH_STEPS, seconds)
        run.launch(plan, study, trial, config, run.unfinished_path(trial), for_good=True)
        return True

    run.fill(offer)
    run.models.drop_unfinished()
    run.end_stage()
    return schedule


def scaled_down(config: TrialConfig, small: GraphSize, whole: GraphSize) -> TrialConfig:
    """A full-graph configuration for the subgraph: negatives in proportion to the entities they stand for.

    128 negatives are a tenth of a subgraph's 1,263 entities and a fiftieth of the 6,313: the same number is
    another loss. Source: GraSH, Kochsiek et al. (2022), https://arxiv.org/abs/2207.04979, section 3.
    """
    if config.training.mode != "negative_sampling":
        return config
    negatives = int(config.negatives.options.get("num_negatives", 128))
    scaled = max(1, round(negatives * small.entities / whole.entities))
    return config.updated({"negatives.num_negatives": scaled})


def as_many_epochs(config: TrialConfig, small: GraphSize, whole: GraphSize, last_seconds: float) -> float:
    """Seconds for a trial on the subgraph in which it sees about as many epochs as the best will on the full graph.

    A configuration that needs a hundred epochs looks good on a subgraph, where they are cheap, and is lost on
    the full graph if the budget holds ten there. The method does the same with steps: 20,000 on 20% of the
    triples, 100,000 on all.

    Args:
        last_seconds: what the best configuration will have trained on the full graph in the end.
    """
    scale = small.triples / whole.triples
    if config.training.mode != "negative_sampling" or config.negatives.name != "shared":
        scale *= small.entities / whole.entities  # each query meets as many fewer candidates
    return START_SECONDS + max(LEAST_TRAINING_SECONDS, scale * last_seconds)
