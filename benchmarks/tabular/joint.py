"""One search over several models, against searches of one model each, on the same budget.

    python -m benchmarks.tabular.joint      # into results/search_joint.json

ComplEx, DistMult and TransE on CoDEx-S, as many configurations of each. All searches begin from nothing, and regrets
are against the best of all models. Results of today's code and tables are kept.
"""

from __future__ import annotations

import argparse
import json
from functools import cache
from typing import Any

import numpy as np
import optuna

from benchmarks import record
from benchmarks.tabular.algorithms import ALGORITHMS, MADE_BY, TREES
from benchmarks.tabular.compare import interval, p_value, regrets
from benchmarks.tabular.replay import replay
from benchmarks.tabular.simulate import SUBGRAPH, digest, is_current
from benchmarks.tabular.table import Table
from kgtuner.search.strategies import FULL
from kgtuner.space import load_space

NAME = "search_joint"
GRAPH = "codex-s"
MODELS = ("complex", "distmult", "transe")
EACH = 150
"""Configurations of a model; ComplEx has more, of which these are the first."""
SEARCHES = ("random", "rf_ei", "toss", "racing from nothing")
BUDGETS = (6.0, 15.0, 30.0)
"""Whole trainings."""
JOINT, SHARED_OUT = "all models at once", "a third of the budget for each model"


@cache
def alone(model: str) -> Table:
    """The table of one model, cut down to as many configurations as the others have."""
    table = Table.load(GRAPH, model)
    rows = set(table.numbers((SUBGRAPH[GRAPH],))[:EACH])
    kept = {name: {n: of[n] for n in rows & set(of)} for name, of in table.trainings.items()}
    return Table(table.space, {n: table.codes[n] for n in rows}, kept, table.caps, table.sizes)


@cache
def joint() -> Table:
    """The rows of all models in one space, numbered on from one model to the next."""
    space = load_space("full", list(MODELS))
    codes, trainings = {}, {name: {} for name in (FULL, SUBGRAPH[GRAPH])}
    for place, model in enumerate(MODELS):
        table = alone(model)
        for number, row in table.codes.items():
            assignment = table.space.codes.assignment(row)
            codes[EACH * place + number] = space.codes.rows([assignment])[0]
        for name, of in trainings.items():
            of |= {EACH * place + number: training for number, training in table.trainings[name].items()}
    first = alone(MODELS[0])
    return Table(space, codes, trainings, first.caps, first.sizes)


def best_of_all() -> float:
    return max(training.value for training in joint().trainings[FULL].values() if not training.failed)


def found(table: Table, name: str, budget: float, seed: int) -> float:
    """What a search reaches on a table, 0 where nothing."""
    algorithm = ALGORITHMS[name]
    trace = replay(
        table, algorithm.search, budget, seed, fidelities=(SUBGRAPH[GRAPH],), options=algorithm.options
    )
    return float(np.nan_to_num(trace.quality[-1])) if trace.quality else 0.0


def qualities(name: str, arm: str, budget: float, seeds: range) -> list[float]:
    """What each seed found."""
    if arm == JOINT:
        return [found(joint(), name, budget, seed) for seed in seeds]
    if arm == SHARED_OUT:
        parts = [
            [found(alone(model), name, budget / len(MODELS), seed) for model in MODELS] for seed in seeds
        ]
        return [max(part) for part in parts]
    return [found(alone(arm), name, budget, seed) for seed in seeds]


def figures(runs: dict[str, dict[str, dict[str, Any]]]) -> dict[str, Any]:
    """Mean regret by search, arm and budget, and Wilcoxon's p against the joint search."""
    best, shown = best_of_all(), {}
    for name, by_arm in runs.items():
        for arm, by_budget in by_arm.items():
            for budget, run in by_budget.items():
                own = regrets(best, run["quality"])
                joined = regrets(best, by_arm[JOINT][budget]["quality"])
                figure: dict[str, Any] = dict(zip(("mean", "low", "high"), interval(own), strict=True))
                figure["p"] = None if arm == JOINT else p_value(joined, own)
                shown.setdefault(name, {}).setdefault(arm, {})[budget] = figure
    return shown


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=30)
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    path, seen = record.RESULTS / f"{NAME}.json", digest(joint(), (SUBGRAPH[GRAPH],))
    kept: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    runs: dict[str, dict[str, dict[str, Any]]] = kept["runs"] if kept.get("table") == seen else {}
    for name in SEARCHES:
        for arm in (JOINT, SHARED_OUT, *MODELS):
            for budget in BUDGETS:
                there = runs.setdefault(name, {}).setdefault(arm, {})
                if not is_current(there.get(f"{budget:g}"), name, options.seeds):
                    quality = qualities(name, arm, budget, range(options.seeds))
                    run = {"quality": [round(q, 6) for q in quality], "made_by": MADE_BY[name]}
                    there[f"{budget:g}"] = run
                    print(f"{name}, {arm}, {budget:g}: {np.mean(quality):.4f}", flush=True)
        record.write(
            NAME,
            {
                "table": seen,
                "configurations": len(joint().codes),
                "best": best_of_all(),
                "best_alone": {
                    model: max(t.value for t in alone(model).trainings[FULL].values() if not t.failed)
                    for model in MODELS
                },
                "regret": figures(runs),
                "runs": runs,
                "trees": TREES,
                "seeds": options.seeds,
            },
        )


if __name__ == "__main__":
    main()
