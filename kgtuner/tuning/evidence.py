"""The evidence of a run that figures are drawn from, besides the table of trials."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from optuna.trial import FrozenTrial

from kgtuner.errors import RunError
from kgtuner.execution.storage import REASON, RESULT, value_of
from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.graph.statistics import relation_categories
from kgtuner.tuning.fidelity import fidelity_of
from kgtuner.tuning.found import found_config
from kgtuner.tuning.kept_models import AGAIN, DEFAULT
from kgtuner.tuning.result import STAGES
from kgtuner.tuning.run_folder import RunFolder
from kgtuner.tuning.trials import UNSAID
from kgtuner.types import INTERRUPTED

if TYPE_CHECKING:
    import pandas as pd

CURVES = 46
"""Learning curves of a stage that are read, the best ones."""


def stored_trials(folder: RunFolder) -> dict[str, list[FrozenTrial]]:
    """All trials of a run by stage.

    Raises:
        RunError: when the run folder or its trials are gone.
    """
    if not folder.has_trials:
        raise RunError(f"{folder.study} is missing; figures are drawn from the trials in the run folder")
    store = folder.open_store()
    try:
        return {stage: store.trials(stage) for stage in STAGES}
    finally:
        store.close()


def relations_of(graph: KnowledgeGraph, test: Mapping[str, Any] | None) -> pd.DataFrame:
    """The relations that were ranked on test: name, category, count, mrr, hits_at_1, hits_at_10, train (triples)."""
    import numpy as np
    import pandas as pd

    columns = ["name", "category", "count", "mrr", "hits_at_1", "hits_at_10", "train"]
    if test is None:
        return pd.DataFrame(columns=columns)
    ids = {str(name): i for i, name in enumerate(graph.relations)}
    categories = relation_categories(graph)
    train = np.bincount(graph.train[:, 1], minlength=graph.n_relations)
    rows = [
        (name, str(categories[ids[name]]), m["count"], m["mrr"], m["hits_at_1"], m["hits_at_10"], int(train[ids[name]]))
        for name, m in test["by_relation"].items()
        if name in ids
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def pairs_of(stored: Mapping[str, list[FrozenTrial]], subgraph_ratio: float) -> pd.DataFrame:
    """Configurations with a value on both graphs; on each graph the first training, which all have alike.

    Args:
        stored: of `stored_trials`.
        subgraph_ratio: of the run's settings.

    Returns:
        subgraph, full (values, larger is better), subgraph_trial, full_trial, default, fidelity (the subgraph).
    """
    import pandas as pd

    small: dict[str, list[FrozenTrial]] = {}
    for trial in stored["subgraph"]:
        if value_of(trial) is not None:
            small.setdefault(fidelity_of("subgraph", trial, subgraph_ratio), []).append(trial)
    rows, seen = [], []
    for trial in stored["full"]:
        if value_of(trial) is None or AGAIN in trial.user_attrs:
            continue
        name = trial.user_attrs.get(DEFAULT)
        if not name and trial.params in seen:
            continue  # of a strategy, which trains it for longer
        seen.append(trial.params)
        for fidelity, trials in small.items():
            same = _as_default(trials, trial) if name else [t for t in trials if t.params == trial.params]
            if same:
                pair = (value_of(same[0]), value_of(trial), same[0].number, trial.number)
                rows.append((*pair, bool(name), fidelity))
    columns = ["subgraph", "full", "subgraph_trial", "full_trial", "default", "fidelity"]
    return pd.DataFrame(rows, columns=columns)


def _as_default(trials: list[FrozenTrial], default: FrozenTrial) -> list[FrozenTrial]:
    """Those on the subgraph with the configuration of a default on the full graph, at whatever sizes."""
    wanted = UNSAID | found_config(default).flat()
    sizes = ("model.dimension", "training.batch_size")
    return [
        t
        for t in trials
        if t.params
        and all(wanted.get(name) == value for name, value in t.params.items() if name not in sizes)
    ]


def curves_of(trials: list[FrozenTrial]) -> list[dict[str, Any]]:
    """The learning curves of the best trainings, each once: one that went on includes what it went on from."""
    went_on = {t.user_attrs[AGAIN] for t in trials if AGAIN in t.user_attrs and value_of(t) is not None}
    done = [t for t in trials if value_of(t) is not None and t.number not in went_on]
    done = sorted(done, key=lambda t: -(value_of(t) or 0.0))[:CURVES]
    return [
        {
            "number": t.number,
            "value": value_of(t),
            "default": DEFAULT in t.user_attrs,
            **{key: [point[key] for point in t.user_attrs[RESULT]["curve"]] for key in ("seconds", "metric")},
            "steps": [point["step"] for point in t.user_attrs[RESULT]["curve"]],
        }
        for t in done
    ]


def spent_of(
    stored: Mapping[str, list[FrozenTrial]], stage_seconds: Mapping[str, float], seconds: float
) -> pd.DataFrame:
    """What the time of each stage was for; of a training that went on only what came on top.

    Args:
        stage_seconds, seconds: budget used by each stage and by the run.

    Returns:
        part (stage), what, seconds.
    """
    import pandas as pd

    from kgtuner.tuning.events import STAGE_TITLES

    rows: list[tuple[str, str, float]] = []
    for stage, trials in stored.items():
        training = validation = failed = cut = 0.0
        for trial in trials:
            result = trial.user_attrs.get(RESULT)
            if result is None:
                lasted = trial.duration.total_seconds() if trial.duration is not None else 0.0
                if trial.user_attrs.get(INTERRUPTED):
                    cut += lasted
                elif REASON in trial.user_attrs:
                    failed += lasted
                continue
            before = (
                trials[trial.user_attrs[AGAIN]].user_attrs.get(RESULT, {})
                if AGAIN in trial.user_attrs
                else {}
            )
            new = max(0.0, result["seconds"] - before.get("seconds", 0.0))
            trained = min(new, max(0.0, result["training_seconds"] - before.get("training_seconds", 0.0)))
            training += trained
            validation += new - trained + result.get("valid_seconds", 0.0)
        if not trials and stage not in stage_seconds:
            continue
        title = STAGE_TITLES[stage]  # type: ignore[index]
        used = float(stage_seconds.get(stage, 0.0))
        rest = max(
            0.0, used - training - validation - failed
        )  # what was cut off is not counted by the budget's clock
        rows += [
            (title, "training", training),
            (title, "validation", validation),
            (title, "failed trials", failed),
            (title, "interrupted trials", cut),
            (title, "proposing, starting, stopping", rest),
        ]
    if rows:
        rows.append(("around them", "preparation, test", max(0.0, seconds - sum(stage_seconds.values()))))
    return pd.DataFrame(rows, columns=["part", "what", "seconds"])
