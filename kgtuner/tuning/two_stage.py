"""The two-stage search: many configurations on a subgraph, the best of them on the full graph.

Section 8 of the method ("Efficient Hyper-parameter Search for Knowledge Graph Embedding", ACL 2022),
fitted to a budget: the lengths of trials follow from it, so that stage one makes at least 15 and stage
two at least 3 wherever it can hold them. The default configuration is the first full-graph trial, so
the answer is never worse than it.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import psutil
from optuna.study import Study
from optuna.trial import FrozenTrial

from kgtuner.config import TrialConfig
from kgtuner.defaults import default_config
from kgtuner.domains import Choices
from kgtuner.errors import ConfigError, DataError, RunError
from kgtuner.execution.storage import RESULT, requeue_interrupted, storage_errors, value_of
from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.search.asking import ask
from kgtuner.search.proposals import Observations, ranked
from kgtuner.search.samplers import SAMPLERS
from kgtuner.search.surrogates import SURROGATES
from kgtuner.space.loading import PRESETS, load_space
from kgtuner.space.space import Space
from kgtuner.subgraph import sample_subgraph
from kgtuner.tuning.raising import BATCH_SIZES, DIMENSIONS, GraphSize, Measured, raised
from kgtuner.tuning.running import AGAIN, DEFAULT, START_SECONDS, StagePlan, TuningRun
from kgtuner.types import INTERRUPTED

STAGE_ONE_TRIALS = 15  # at least, wherever a wall-clock budget can hold them
FULL_TRIALS = 4  # the default configuration and three found ones
LAST_SHARE = 0.5  # of stage two's time, for training the best configuration once more, at length
TRANSFERRED = 10  # the best of stage one that go on to the full graph
SUBGRAPH_STEPS, FULL_STEPS = 20_000, 100_000  # section 5 of the method; upper limits
VALIDATIONS = 10  # in a trial whose length is set by the clock
VALID_TRIPLES = 1_000  # ranked by a validation inside a trial: a standard error of the MRR of about 0.01
FINAL_SHARE = 0.04  # of a wall-clock budget, kept back for the test evaluation until it can be estimated
ALL_ENTITIES_UP_TO = 200_000  # entities; above, scoring all of them for each query makes no sense
LEAST_TRIAL_SECONDS = 1.5
LEAST_TRAINING_SECONDS = 0.5  # of a trial on the subgraph, without what surrounds the training
UNSAID = {"model.dropout": 0.0, "model.inverse_relations": "shared", "model.initializer": "xavier_normal"}
"""What a configuration means when it does not say so."""

WORTH_A_TRIAL = 0.4  # of a trial's usual time; with less left a stage ends


def two_stage(run: TuningRun, graph: KnowledgeGraph) -> None:
    """Spend the budget of a run, from wherever it stands."""
    settings = run.settings
    run.worker.start()
    space = load_space(settings.space, settings.models, all_entities=graph.n_entities <= ALL_ENTITIES_UP_TO)
    subgraph = _subgraph(run, graph) if settings.two_stages else None
    threads = (
        settings.threads or 1
    )  # with a busy neighbour a second thread makes small steps many times slower
    if settings.budget.full_trainings is not None:
        _measure_full_training(run, graph, threads)
    if subgraph is None:
        searched = space if settings.space not in ("reduced", "broad") else _with_size(space, settings.models)
        _search_full(run, graph, searched, threads)
        return
    plan = StagePlan("subgraph", run.folder.subgraph / "graph", _ends_at(run), _first_trials(run), threads)
    _stage_one(run, plan, space, subgraph, _size(graph))
    trials = None if settings.budget.trials is None else settings.budget.trials - _first_trials_of(run)
    plan = StagePlan("full", run.folder.graph, _end(run), trials, threads)
    _stage_two(run, plan, space, subgraph, graph)


# ---------------------------------------------------------------------- stage one


def _stage_one(
    run: TuningRun, plan: StagePlan, space: Space, graph: KnowledgeGraph, whole: GraphSize
) -> None:
    """Propose from the space, train on the subgraph, learn, until the stage's share is spent."""
    study = _study(run, plan, space, None)
    if _is_over(run, plan, study, _slot(run, plan, study)):
        return
    run.begin(plan, graph.n_entities, len(graph.train))
    slot = _slot(run, plan, study)
    _begin_with_defaults(run, study, space)
    while not _is_over(run, plan, study, slot):
        with storage_errors(run.folder.study):
            trial, assignment = ask(study, space)
        config = _scaled_down(TrialConfig.from_flat(assignment), _size(graph), whole)
        seconds = _as_many_epochs(run, config, _size(graph), whole, _time_left(run, plan, slot))
        run.train(plan, study, trial, _limited(run, config, SUBGRAPH_STEPS, seconds))
    run.end_stage()


def _scaled_down(config: TrialConfig, small: GraphSize, whole: GraphSize) -> TrialConfig:
    """A full-graph configuration for the subgraph: negatives in proportion to the entities they stand for.

    128 negatives are a tenth of a subgraph's 1,263 entities and a fiftieth of the 6,313: the same number is
    another loss. Source: GraSH, Kochsiek et al. (2022), https://arxiv.org/abs/2207.04979, section 3.
    """
    if config.training.mode != "negative_sampling":
        return config
    negatives = int(config.negatives.options.get("num_negatives", 128))
    scaled = max(1, round(negatives * small.entities / whole.entities))
    return config.updated({"negatives.num_negatives": scaled})


def _as_many_epochs(
    run: TuningRun, config: TrialConfig, small: GraphSize, whole: GraphSize, seconds: float | None
) -> float | None:
    """Seconds for a trial on the subgraph: at most what the last training on the full graph has, scaled.

    A configuration that needs a hundred epochs looks good on a subgraph, where they are cheap, and is lost on
    the full graph if the budget holds ten there. So a trial sees about as many epochs as the last training
    will. The method does the same with steps: 20,000 on 20% of the triples, 100,000 on all.
    """
    end, stage_one_end = _end(run), _ends_at(run)
    if seconds is None or end is None or stage_one_end is None:
        return None
    scale = small.triples / whole.triples
    if config.training.mode != "negative_sampling" or config.negatives.name != "shared":
        scale *= small.entities / whole.entities  # each query meets as many fewer candidates
    last = LAST_SHARE * (end - stage_one_end)
    return min(seconds, START_SECONDS + max(LEAST_TRAINING_SECONDS, scale * last))


def _begin_with_defaults(run: TuningRun, study: Study, space: Space) -> None:
    """Put each model's default configuration first in line, at the size of the space, where the space has it."""
    if study.get_trials(deepcopy=False):
        return
    for name in run.settings.models:
        flat = UNSAID | default_config(name).flat()
        for size in ("model.dimension", "training.batch_size"):
            domain = space.by_name[size].domain
            if not domain.contains(flat[size]) and isinstance(domain, Choices):
                flat[size] = domain.values[0]
        assignment = space.restricted(flat)
        try:
            space.validate(assignment)
        except ConfigError:
            continue  # a custom or the paper's space need not contain it
        study.enqueue_trial(assignment)


def _slot(run: TuningRun, plan: StagePlan, study: Study) -> float | None:
    """Seconds for one trial, so that the least number of trials fits into the stage as a whole."""
    if plan.ends_at is None:
        return None
    spent = run.stage_seconds.get(plan.stage, 0.0)
    return max(LEAST_TRIAL_SECONDS, (plan.ends_at - run.elapsed + spent) / (STAGE_ONE_TRIALS + 1))


# ---------------------------------------------------------------------- stage two


def _stage_two(
    run: TuningRun, plan: StagePlan, space: Space, subgraph: KnowledgeGraph, graph: KnowledgeGraph
) -> None:
    """The default configuration, then the best of stage one, raised; then new proposals."""
    found = [trial for trial in run.store.trials("subgraph") if value_of(trial) is not None]
    prior = Observations.of(space, [t.params for t in found], [value_of(t) or 0.0 for t in found], group=1)
    study = _study(run, plan, space, prior if len(prior) else None)
    size, small = _size(graph), _size(subgraph)
    whole, plan = plan, _without_last(run, plan)
    decoupled = run.settings.space in PRESETS
    first_slot = (
        None if plan.ends_at is None else (plan.ends_at - run.elapsed) / max(1, FULL_TRIALS - _count(study))
    )
    if _is_over(run, whole, study, first_slot):
        return
    run.begin(whole, graph.n_entities, len(graph.train))
    _default_trial(run, plan, study, first_slot)
    while not _is_over(run, plan, study, first_slot):
        waiting = _not_yet_tried(study, sorted(found, key=lambda t: -(value_of(t) or 0.0))[:TRANSFERRED])
        if waiting:
            study.enqueue_trial(_next_transfer(run, space, prior, study, waiting).params)
        with storage_errors(run.folder.study):
            trial, assignment = ask(study, space)
        seconds = _share_of_rest(run, plan, study, first_slot)
        measured = _measured(small, _closest(found, assignment))
        memory = float(psutil.virtual_memory().available)
        grown = raised(
            TrialConfig.from_flat(assignment),
            measured,
            size,
            seconds=seconds,
            memory=memory,
            dimensions=DIMENSIONS if decoupled else (),  # a user's own space is kept as it is
            batch_sizes=BATCH_SIZES if decoupled else (),
        )
        trial.set_user_attr(
            "raised", {k: grown.flat()[k] for k in ("model.dimension", "training.batch_size")}
        )
        run.train(plan, study, trial, _limited(run, grown, FULL_STEPS, seconds))
    _last_trial(run, whole, study)
    run.end_stage()


def _without_last(run: TuningRun, plan: StagePlan) -> StagePlan:
    """Stage two without the time of its last trial."""
    stage_one_end = _ends_at(run)
    if plan.ends_at is None or stage_one_end is None:
        return plan
    return replace(plan, ends_at=plan.ends_at - LAST_SHARE * (plan.ends_at - stage_one_end))


def _last_trial(run: TuningRun, plan: StagePlan, study: Study) -> None:
    """Train the best configuration of the full graph once more, with all the time that is left.

    The trials before it were short so that several fitted in; most configurations gain from more time.
    """
    finished = [trial for trial in study.get_trials(deepcopy=False) if value_of(trial) is not None]
    if plan.ends_at is None or not finished or any(AGAIN in trial.user_attrs for trial in finished):
        return
    best = max(finished, key=lambda trial: value_of(trial) or 0.0)
    seconds = plan.ends_at - run.elapsed
    if best.user_attrs[RESULT]["stopped_by"] != "max_seconds" or seconds < best.user_attrs[RESULT]["seconds"]:
        return  # it ended by itself, or there is no more time than it had
    with storage_errors(run.folder.study):
        trial = study.ask()
        trial.set_user_attr(AGAIN, best.number)
    config = TrialConfig.from_mapping(best.user_attrs[RESULT]["config"])
    run.train(plan, study, trial, _limited(run, config, FULL_STEPS, seconds))


def _default_trial(run: TuningRun, plan: StagePlan, study: Study, seconds: float | None) -> None:
    """Train the default configuration of the first model, unless it has been."""
    if any(
        trial.user_attrs.get(DEFAULT) and value_of(trial) is not None
        for trial in study.get_trials(deepcopy=False)
    ):
        return
    with storage_errors(run.folder.study):
        trial = study.ask()
        trial.set_user_attr(DEFAULT, True)
    config = default_config(run.settings.models[0])
    run.train(plan, study, trial, _limited(run, config, FULL_STEPS, seconds))


def _share_of_rest(run: TuningRun, plan: StagePlan, study: Study, slot: float | None) -> float | None:
    """Seconds for the next full-graph trial: an equal share of what is left for those still planned."""
    if plan.ends_at is None or slot is None:
        return None
    rest = plan.ends_at - run.elapsed
    planned = max(FULL_TRIALS - _count(study), math.floor(rest / slot), 1)
    return rest / planned


def _next_transfer(
    run: TuningRun, space: Space, prior: Observations, study: Study, waiting: list[FrozenTrial]
) -> FrozenTrial:
    """The most promising of the configurations still to be transferred, as the surrogate sees them now."""
    done = [t for t in study.get_trials(deepcopy=False) if t.params and value_of(t) is not None]
    known = prior + Observations.of(space, [t.params for t in done], [value_of(t) or 0.0 for t in done])
    codes = space.codes.rows([t.params for t in waiting])
    rng = np.random.default_rng([run.settings.seed, len(done)])
    return waiting[int(ranked(space, known, codes, rng, SURROGATES["random_forest"]())[0])]


def _not_yet_tried(study: Study, found: list[FrozenTrial]) -> list[FrozenTrial]:
    tried = [
        trial.params or trial.system_attrs.get("fixed_params") for trial in study.get_trials(deepcopy=False)
    ]
    return [trial for trial in found if trial.params not in tried]


def _closest(found: list[FrozenTrial], assignment: dict[str, Any]) -> FrozenTrial | None:
    """The stage-one trial whose cost says most about a configuration: itself, else one of the same mode."""
    same = [t for t in found if t.params == assignment]
    keys = ("model.name", "training.mode", "negatives.num_negatives")
    alike = [t for t in found if all(t.params.get(key) == assignment.get(key) for key in keys)]
    candidates = same or alike or found
    return max(candidates, key=lambda t: value_of(t) or 0.0) if candidates else None


def _measured(size: GraphSize, trial: FrozenTrial | None) -> Measured:
    """What a stage-one trial took until its best validation."""
    if trial is None:
        return Measured(size, 1e-4, 20.0, 2_000)
    result = trial.user_attrs[RESULT]
    best = max(result["curve"], key=lambda point: point["metric"])
    queries = result["queries"] * best["step"] / result["steps"]
    return Measured(
        size,
        seconds_per_query=result["training_seconds"] / max(1, result["queries"]),
        epochs_to_best=queries / (2 * size.triples),
        steps_to_best=best["step"],
    )


# ---------------------------------------------------------------------- graphs too small for two stages


def _search_full(run: TuningRun, graph: KnowledgeGraph, space: Space, threads: int) -> None:
    """One stage: the default configuration, then proposals, all on the full graph."""
    plan = StagePlan("full", run.folder.graph, _end(run), run.settings.budget.trials, threads)
    study = _study(run, plan, space, None)
    slot = _slot(run, plan, study)
    if _is_over(run, plan, study, slot):
        return
    run.begin(plan, graph.n_entities, len(graph.train))
    _default_trial(run, plan, study, slot)
    while not _is_over(run, plan, study, slot):
        with storage_errors(run.folder.study):
            trial, assignment = ask(study, space)
        config = _limited(run, TrialConfig.from_flat(assignment), FULL_STEPS, _time_left(run, plan, slot))
        run.train(plan, study, trial, config)
    run.end_stage()


def _with_size(space: Space, models: tuple[str, ...]) -> Space:
    """The reduced space with batch size and dimension searched too: there is no stage two to raise them."""
    full = load_space("full", models).by_name
    return space.narrowed({name: full[name].domain for name in ("model.dimension", "training.batch_size")})


# ---------------------------------------------------------------------- budget


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


def _measure_full_training(run: TuningRun, graph: KnowledgeGraph, threads: int) -> None:
    """Turn a budget in full trainings into seconds: train the default configuration to its end once."""
    if run.budget_seconds is not None:
        return
    times = run.settings.budget.full_trainings or 1.0
    plan = StagePlan("full", run.folder.graph, None, None, threads)
    study = _study(run, plan, load_space(run.settings.space, run.settings.models), None)
    run.begin(plan, graph.n_entities, len(graph.train))
    _default_trial(run, plan, study, None)
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


def _end(run: TuningRun) -> float | None:
    """Seconds of the budget at which trials must be over: the test evaluation still has to fit."""
    return None if run.budget_seconds is None else run.budget_seconds - _final_seconds(run)


def _final_seconds(run: TuningRun) -> float:
    """What evaluating the best and the default model on test will take, judged by what validating them took."""
    budget = run.budget_seconds or 0.0
    took = [
        t.user_attrs[RESULT]["valid_seconds"] for t in run.store.trials("full") if value_of(t) is not None
    ]
    return 1.0 + (3.0 * max(took) if took else FINAL_SHARE * budget)


def _ends_at(run: TuningRun) -> float | None:
    """Seconds of the budget at which stage one ends."""
    end = _end(run)
    if end is None:
        return None
    used_by_full = run.full_training_seconds
    return min(end, used_by_full + run.settings.stage_one_share * (end - used_by_full))


def _first_trials(run: TuningRun) -> int | None:
    return None if run.settings.budget.trials is None else _first_trials_of(run)


def _first_trials_of(run: TuningRun) -> int:
    trials = run.settings.budget.trials or 0
    return min(trials - 1, max(1, round(run.settings.stage_one_share * trials)))


def _is_over(run: TuningRun, plan: StagePlan, study: Study, slot: float | None) -> bool:
    if plan.trials is not None:
        return _count(study) >= plan.trials
    if plan.ends_at is None or slot is None:
        return False
    return plan.ends_at - run.elapsed < max(LEAST_TRIAL_SECONDS, WORTH_A_TRIAL * slot)


def _time_left(run: TuningRun, plan: StagePlan, slot: float | None) -> float | None:
    """Seconds for the next trial: its slot, or all that is left when that is not worth another one."""
    if plan.ends_at is None or slot is None:
        return None
    rest = plan.ends_at - run.elapsed
    return rest if rest < (1 + WORTH_A_TRIAL) * slot else slot


def _limited(run: TuningRun, config: TrialConfig, max_steps: int, seconds: float | None) -> TrialConfig:
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


def _count(study: Study) -> int:
    """Trials that ended, well or badly; those that were cut off do not count."""
    return sum(
        t.state.is_finished() and not t.user_attrs.get(INTERRUPTED) for t in study.get_trials(deepcopy=False)
    )


def _study(run: TuningRun, plan: StagePlan, space: Space, prior: Observations | None) -> Study:
    """The stage's study, with trials that an interruption left running put first in line again."""
    n_startup = 8 if plan.trials is None else max(2, min(10, plan.trials // 3))
    sampler_class = SAMPLERS[run.settings.algorithm]
    options: dict[str, Any] = {"n_startup": n_startup} if run.settings.algorithm != "random" else {}
    sampler = sampler_class(space, seed=run.settings.seed, prior=prior, **options)
    study = run.store.study(plan.stage, sampler)
    with storage_errors(run.folder.study):
        requeue_interrupted(study)
    return study


def _size(graph: KnowledgeGraph) -> GraphSize:
    return GraphSize(graph.n_entities, graph.n_relations, len(graph.train))
