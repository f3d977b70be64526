"""The two-stage search: many configurations on a subgraph, the best of them on the full graph.

Section 8 of the method ("Efficient Hyper-parameter Search for Knowledge Graph Embedding", ACL 2022),
fitted to a budget: the lengths of trials follow from it, so that stage one makes at least 15 and stage
two at least 3 wherever it can hold them. The default configuration is the first full-graph trial and
goes into the second rung in any case, so what is returned has been compared with it at equal time.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kgtuner.config import TrialConfig
from kgtuner.defaults import default_config
from kgtuner.domains import Choices
from kgtuner.errors import DataError, RunError
from kgtuner.execution.storage import RESULT, value_of
from kgtuner.experiment import QUICK_START
from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.space.loading import load_space, named_parameters
from kgtuner.space.space import Space
from kgtuner.subgraph import sample_subgraph
from kgtuner.training.all_entities_limit import why_not_all_entities
from kgtuner.tuning.default_trial import launch_default
from kgtuner.tuning.first_training import FirstTraining
from kgtuner.tuning.kept_models import DEFAULT
from kgtuner.tuning.memory_plan import GraphSize, size_of, sizes_that_fit
from kgtuner.tuning.raising import usable
from kgtuner.tuning.run_folder import CLIPPED, DEFAULTS
from kgtuner.tuning.running import TuningRun
from kgtuner.tuning.schedule import STAGE_ONE_SHARE
from kgtuner.tuning.stage_one import stage_one
from kgtuner.tuning.stage_two import stage_two
from kgtuner.tuning.trials import (
    end_for_test,
    expected_start,
    schedule_of,
    study_of,
    trainings_end,
)
from kgtuner.tuning.under_way import StagePlan


def two_stage(run: TuningRun, graph: KnowledgeGraph) -> None:
    """Spend the budget of a run, from wherever it stands."""
    settings = run.settings
    run.executor.start()
    subgraph = _subgraph(run, graph) if settings.two_stages else None
    space = space_of(run, graph, one_stage=subgraph is None)
    # With a busy neighbour a second thread makes small steps many times slower.
    threads = settings.threads or 1
    if settings.budget.full_trainings is not None:
        measure_full_training(run, graph, space, threads)
    schedule = schedule_of(run, two_stages=subgraph is not None)
    trials, share = settings.budget.trials, settings.stage_one_share or STAGE_ONE_SHARE
    if subgraph is not None:
        training = FirstTraining(run, graph, schedule, space)
        if run.executor.slots == 1:  # else it runs beside the subgraph stage
            schedule = training.alone()
        first = None if trials is None else min(trials - 1, max(1, round(share * trials)))
        plan = StagePlan(
            "subgraph",
            run.folder.subgraph / "graph",
            None if schedule is None else schedule.stage_one_end,
            first,
            threads,
            size_of(subgraph),
        )
        schedule = stage_one(run, plan, schedule, space, subgraph, size_of(graph), training)
        if run.executor.slots > 1:
            training.book()
        trials = None if trials is None or first is None else trials - first
        run.start_seconds = expected_start(run, size_of(subgraph), size_of(graph))
        if schedule is not None and run.start_seconds >= QUICK_START:
            end = end_for_test(run, graph, "subgraph", size_of(subgraph))
            schedule = schedule.with_long_starts(run.start_seconds, end)
    plan = StagePlan("full", run.folder.graph, trainings_end(run, graph), trials, threads, size_of(graph))
    stage_two(run, plan, schedule, space, graph, subgraph)


def space_of(run: TuningRun, graph: KnowledgeGraph, *, one_stage: bool = False) -> Space:
    """What is searched on this graph: without modes that make no sense there, and without what does not fit.

    Args:
        one_stage: nothing raises sizes later, so they are searched too.
    """
    settings = run.settings
    reason = why_not_all_entities(graph)
    if reason is not None:
        run.note(f"Searched with sampled negatives only: {reason}.")
    run.default_of = _defaults_of(run, graph).__getitem__
    space = load_space(settings.space, settings.models, all_entities=reason is None)
    if one_stage:
        space = _with_sizes(space, settings.models, named_parameters(settings.space))
        space = _without_too_many_negatives(space, graph.n_entities, named_parameters(settings.space))
    return _that_fits(run, space, size_of(graph))


def _defaults_of(run: TuningRun, graph: KnowledgeGraph) -> dict[str, TrialConfig]:
    """The default of each model, chosen at the first sitting: one that was cut off goes on as what it was."""

    def decide() -> dict[str, Any]:
        models = run.settings.models
        return {"configs": {model: default_config(model, graph).to_mapping() for model in models}}

    def understood(kept: dict[str, Any]) -> dict[str, TrialConfig]:
        return {model: TrialConfig.from_mapping(kept["configs"][model]) for model in run.settings.models}

    return run.folder.decided(DEFAULTS, decide, understood)


def _that_fits(run: TuningRun, space: Space, size: GraphSize) -> Space:
    """The space without sizes that memory cannot hold, with a note for each; memory is judged at the first sitting."""

    def decide() -> dict[str, Any]:
        sizes, notes = sizes_that_fit(space, size, *usable(run.memory.share(), run.memory.share_on_host()))
        return {"sizes": sizes, "notes": notes}

    def understood(kept: dict[str, Any]) -> tuple[Space, list[str]]:
        return space.narrowed(kept["sizes"]), [str(note) for note in kept["notes"]]

    narrowed, notes = run.folder.decided(CLIPPED, decide, understood)
    for note in notes:
        run.note(note)
    return narrowed


def _with_sizes(space: Space, models: tuple[str, ...], named: frozenset[str]) -> Space:
    """The space with batch size and dimension searched too where the user fixed neither: nothing raises them later."""
    full = load_space("full", models).by_name
    sizes = {"model.dimension", "training.batch_size"} - named
    return space.narrowed({name: full[name].domain for name in sorted(sizes)})


def _without_too_many_negatives(space: Space, entities: int, named: frozenset[str]) -> Space:
    """The space without numbers of negatives above the entities there are, which cost time and say nothing new.

    What the user's own space names stays as it is, and so does the least of the choices.
    """
    parameter = space.by_name.get("negatives.num_negatives")
    if parameter is None or parameter.name in named or not isinstance(parameter.domain, Choices):
        return space
    values = parameter.domain.values
    few = tuple(value for value in values if isinstance(value, int) and value <= entities)
    return space.narrowed({parameter.name: Choices(few or values[:1], ordered=True)})


def _subgraph(run: TuningRun, graph: KnowledgeGraph) -> KnowledgeGraph | None:
    """Stage one's graph: the one in the folder, or a new sample; None when the graph is too small."""
    if (run.folder.subgraph / "graph").exists():
        return KnowledgeGraph.load(run.folder.subgraph / "graph")
    settings = run.settings
    try:
        sample = sample_subgraph(graph, settings.subgraph_ratio, settings.subgraph_starts, settings.seed)
    except DataError as error:
        run.note(f"One stage on the full graph: {error}")
        return None
    run.folder.subgraph.mkdir(parents=True, exist_ok=True)
    np.save(run.folder.subgraph / "entity_ids.npy", sample.entity_ids)
    np.save(run.folder.subgraph / "relation_ids.npy", sample.relation_ids)
    sample.graph.save(run.folder.subgraph / "graph")  # last: its presence says that all is there
    return sample.graph


def measure_full_training(run: TuningRun, graph: KnowledgeGraph, space: Space, threads: int) -> None:
    """Turn a budget in full trainings into seconds: train the default configuration to its end once."""
    if run.budget_seconds is not None:
        return
    times = run.settings.budget.full_trainings or 1.0
    plan = StagePlan("full", run.folder.graph, None, None, threads, size_of(graph))
    study = study_of(run, plan, space, None)
    run.begin(plan, graph.n_entities, len(graph.train))
    launch_default(run, plan, study, run.settings.models[0], None)
    run.fill(lambda: False)
    done = [t for t in study.get_trials() if t.user_attrs.get(DEFAULT) and value_of(t) is not None]
    run.end_stage()
    if not done:
        raise RunError(
            "the default configuration failed, so a budget in full trainings has no unit; give it in time"
        )
    one = float(done[-1].user_attrs[RESULT]["seconds"])
    run.full_training_seconds = one
    run.budget_seconds = max(times * one, run.elapsed)
    run.save_state(force=True)
    run.note(f"One full training takes {one:.0f} s; the budget of {times:g} is {run.budget_seconds:.0f} s.")
