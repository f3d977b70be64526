"""How long the report of a run takes, and how large it is.

    python benchmarks/report.py                # 100 and 1,000 trials
    python benchmarks/report.py --quick        # 40 trials, nothing kept

The runs are synthetic: real folders with real configurations of the default space, drawn at random, and with made-up
values, curves and failures in the place of trainings. The model in them is not trained.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import kgtuner as kt
from kgtuner.config import TrialConfig
from kgtuner.execution.storage import REASON, RESULT, TrialStore
from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.search.distributions import distributions
from kgtuner.space.loading import load_space
from kgtuner.space.space import Space
from kgtuner.tuning.budget import Budget
from kgtuner.tuning.found import found_config
from kgtuner.tuning.kept_models import AGAIN, DEFAULT
from kgtuner.tuning.result import best_trial, stage_summaries, trial_table
from kgtuner.tuning.run_folder import FORMAT, RunFolder, environment
from kgtuner.tuning.settings import TuneSettings

TRIALS = (100, 1000)
FAILS_EVERY = 20
VALIDATIONS = 10


def make_graph(
    entities: int = 60, relations: int = 4, names: Sequence[str] = (), relation_names: Sequence[str] = ()
) -> KnowledgeGraph:
    """A random graph; the first names may be given."""
    rng = np.random.default_rng(0)
    n = 12 * entities
    triples = np.unique(
        np.stack([rng.integers(0, entities, n), rng.integers(0, relations, n), rng.integers(0, entities, n)], axis=1),
        axis=0,
    )  # fmt: skip
    rng.shuffle(triples)
    held_out = len(triples) // 5
    entity_names = [*names, *(f"entity {i}" for i in range(len(names), entities))]
    return KnowledgeGraph.from_arrays(
        triples[2 * held_out :],
        triples[:held_out],
        triples[held_out : 2 * held_out],
        entities=entity_names,
        relations=[*relation_names, *(f"relation {i}" for i in range(len(relation_names), relations))],
        name="made up",
    )


def make_run(
    path: Path,
    trials: int = 40,
    *,
    graph: KnowledgeGraph | None = None,
    model: str = "distmult",
    two_stages: bool = True,
    ended: bool = True,
    metric: str = "mrr",
    seed: int = 0,
) -> RunFolder:
    """A run folder as a tuning leaves it, without the trainings.

    Args:
        path: where.
        trials: over both stages, a fifth of them on the full graph.
        graph, model: what would have been trained.
        two_stages: False for a run on the full graph only.
        ended: False leaves out the result, as while a run goes on.
        metric: what would have been maximised.
        seed: of everything made up.
    """
    rng = np.random.default_rng(seed)
    graph = graph or make_graph()
    folder = RunFolder(path)
    folder.create()
    graph.save(folder.graph)
    settings = TuneSettings(
        models=(model,), budget=Budget(trials=max(trials, 2)), seed=seed, metric=metric, two_stages=two_stages
    )
    folder.write(
        "run.json",
        {
            "format": FORMAT, "kind": "tune", "graph": graph.name, "fingerprint": graph.fingerprint,
            "settings": settings.to_mapping(), "environment": environment(), "started": "2026-01-01T12:00:00+0000",
        },
    )  # fmt: skip
    space = load_space("broad", (model,))
    store = TrialStore(folder.study)
    on_full = max(min(trials, 2), trials // 5) if two_stages else trials
    elapsed = _fill(store, "subgraph", space, trials - on_full, metric, rng, 0.0) if two_stages else 0.0
    spent = {"subgraph": elapsed} if two_stages else {}
    end = _fill(store, "full", space, on_full, metric, rng, elapsed)
    spent["full"] = end - elapsed
    state = {
        "elapsed": end + 1, "stage_seconds": spent, "budget_seconds": None, "peak_rss_mb": 123.0,
        "full_training_seconds": 0.0,
    }  # fmt: skip
    folder.write("state.json", state)
    best = best_trial(store.trials("full"))
    if ended and best is not None:
        _conclude(folder, graph, store, spent, end + 1, metric, seed)
    store.close()
    return folder


def _fill(
    store: TrialStore, stage: str, space: Space, n: int, metric: str, rng: np.random.Generator, begin: float
) -> float:
    """Trials of a stage; the first on the full graph is the default configuration, the last goes on from it."""
    import optuna

    study = store.study(stage, optuna.samplers.RandomSampler(seed=0))
    known = distributions(space)
    elapsed, made = begin, []
    transferred = (
        [t.params for t in store.trials("subgraph") if RESULT in t.user_attrs] if stage == "full" else []
    )
    for number in range(n):
        params = transferred[number] if number < len(transferred) // 2 else space.sample(rng)
        attributes: dict[str, Any] = {}
        config = TrialConfig.from_flat(params)
        if stage == "full" and number in (0, n - 1) and n > 1:
            config = kt.default_config(str(params["model.name"]))
            attributes[DEFAULT] = config.model.name
            if number == n - 1:
                attributes[AGAIN] = 0
            params = {}
        seconds = 2.0 * (1 + (AGAIN in attributes))
        elapsed += seconds
        if number % FAILS_EVERY == 7 and not attributes:
            attributes |= {REASON: "diverged", "message": "17 of 512 scores are not finite"}
            made.append(_trial(params, known, attributes, None))
            continue
        value = _value(config, rng)
        value = -1 / value if metric == "mean_rank" else value
        attributes[RESULT] = _result(config, value, seconds, elapsed, metric, rng)
        made.append(_trial(params, known, attributes, value))
    study.add_trials(made)
    return elapsed


def _trial(
    params: dict[str, Any], known: dict[str, Any], attributes: dict[str, Any], value: float | None
) -> Any:
    import optuna

    return optuna.trial.create_trial(
        state=optuna.trial.TrialState.COMPLETE if value is not None else optuna.trial.TrialState.FAIL,
        params=params,
        distributions={name: known[name] for name in params},
        value=value,
        user_attrs=attributes,
    )


def _value(config: TrialConfig, rng: np.random.Generator) -> float:
    """An MRR that a learning rate near 0.05 and cross entropy raise, with noise."""
    rate = float(config.optimizer.options.get("learning_rate", 0.05))
    good = 0.45 - 0.08 * abs(np.log10(rate / 0.05)) + 0.1 * (config.loss.name == "cross_entropy")
    return float(np.clip(good + rng.normal() * 0.03, 0.01, 0.95))


def _result(
    config: TrialConfig, value: float, seconds: float, elapsed: float, metric: str, rng: np.random.Generator
) -> dict[str, Any]:
    at = np.linspace(seconds / VALIDATIONS, seconds, VALIDATIONS)
    heights = value * (1 - np.exp(-3 * np.arange(1, VALIDATIONS + 1) / VALIDATIONS))
    if metric == "mean_rank":
        heights = value * (1 + 3 * np.exp(-np.arange(1, VALIDATIONS + 1)))
    shown = {
        "mrr": abs(value) if metric != "mean_rank" else 0.3, "mean_rank": 20.0, "hits_at_1": 0.2, "hits_at_3": 0.3,
        "hits_at_10": 0.5, "adjusted_mean_rank_index": 0.8, "count": 100,
    } | {metric: abs(value)}  # fmt: skip
    return {
        "metric": metric, "best": value, "valid": shown, "valid_seconds": 0.1, "seed": 0, "steps": 100 * VALIDATIONS,
        "queries": 51_200, "seconds": seconds, "training_seconds": 0.9 * seconds, "triples_per_second": 1e4,
        "peak_rss_mb": 100.0, "stopped_by": "max_seconds" if rng.random() < 0.8 else "patience",
        "curve": [
            {"step": 100 * (i + 1), "seconds": float(s), "loss": 1.0, "metric": float(m)}
            for i, (s, m) in enumerate(zip(at, heights, strict=True))
        ],
        "config": config.to_mapping(), "elapsed": elapsed,
    }  # fmt: skip


def _conclude(
    folder: RunFolder, graph: KnowledgeGraph, store: TrialStore, spent: dict[str, float], seconds: float, metric: str,
    seed: int,
) -> None:  # fmt: skip
    """What a run writes at its end, with the real test metrics of a model that was not trained."""
    import torch

    from kgtuner.evaluation.evaluator import evaluate_split
    from kgtuner.parts import build_model
    from kgtuner.training.parameters import save_parameters

    best = best_trial(store.trials("full"))
    assert best is not None
    config = found_config(best)
    model = build_model(config.model, graph.n_entities, graph.n_relations)
    model.initialize(torch.Generator().manual_seed(seed))
    save_parameters(model, folder.best_model, graph.fingerprint)
    folder.write_text("best.yaml", config.to_yaml())
    test = evaluate_split(model, graph, "test").to_mapping()
    folder.write_text("trials.csv", trial_table(store, 0.2).to_csv(index=False))
    folder.write(
        "results.json",
        {
            "format": FORMAT, "output": str(folder.path), "metric": metric, "best_config": config.to_mapping(),
            "valid": best.user_attrs[RESULT]["valid"], "test": test,
            "default_valid": best.user_attrs[RESULT]["valid"], "default_test": test,
            "stages": stage_summaries(store, spent), "seconds": seconds, "stopped_by": "trials", "peak_rss_mb": 123.0,
        },
    )  # fmt: skip


def measured(trials: int) -> dict[str, Any]:
    """Seconds of one report, by the clock and of this process, and its size."""
    from kgtuner.api.report import write_report
    from kgtuner.report.html.page import render
    from kgtuner.report.html.reading import read_run
    from kgtuner.report.html.sections import sections_of

    folder = Path(tempfile.mkdtemp())
    try:
        run = make_run(folder / "run", trials, graph=make_graph(2_000, 40))
        render("", [])  # libraries are loaded and plotly.js is compressed once a process
        began, cpu = time.perf_counter(), time.process_time()
        shown = read_run(run.path)
        read = time.perf_counter()
        page = render("made up", sections_of(shown))
        drawn, cpu = time.perf_counter(), time.process_time() - cpu
        return {
            "trials": trials,
            "seconds": {"read": round(read - began, 2), "draw": round(drawn - read, 2), "cpu": round(cpu, 2)},
            "megabytes": round(len(page.encode("utf-8")) / 1e6, 2),
            "written_megabytes": round(write_report(run.path).stat().st_size / 1e6, 2),
        }
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    import record

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="40 trials, nothing kept")
    if parser.parse_args().quick:
        print(measured(40))
        return
    rows = []
    for trials in TRIALS:
        rows.append(measured(trials))
        print(rows[-1], flush=True)
    record.write("report", {"rows": rows})


if __name__ == "__main__":
    main()
