"""TOSS with other subgraphs in its first stage: other shares of the entities, and other ways to choose them.

    python -m benchmarks.tabular.subgraphs                      # into results/search_subgraphs.json

On the configurations of CoDEx-S that have been trained on all of these subgraphs, a part of the table: regrets are
against the best of these, and compare with each other only. Results of today's code and table are kept.
"""

from __future__ import annotations

import argparse
import json
import math
from typing import Any

import optuna

from benchmarks import record
from benchmarks.tabular.algorithms import ALGORITHMS, MADE_BY, TREES
from benchmarks.tabular.compare import interval, p_value, regrets
from benchmarks.tabular.replay import replay
from benchmarks.tabular.simulate import digest
from benchmarks.tabular.table import Table
from kgtuner.search.strategies import FULL

NAME = "search_subgraphs"
TABLE = "codex-s-complex"
ALGORITHM = "toss"
BUDGETS = (3.0, 6.0)
"""Whole trainings; more of them would train most of so few configurations."""
USUAL = "walk-0.2"
WITHOUT = "no subgraph stage"
SUBGRAPHS = (
    USUAL,
    "walk-0.05",
    "walk-0.1",
    "walk-0.4",
    "walk-0.2-scaled",
    "single-0.2",
    "pagerank-0.2",
    "edges-0.2",
    "core-0.2",
)


def replayed(table: Table, numbers: list[int], subgraph: str, budget: float, seed: int) -> float:
    """What one seed found, NaN where nothing."""
    algorithm = ALGORITHMS[ALGORITHM]
    fidelities = () if subgraph == WITHOUT else (subgraph,)
    trace = replay(
        table,
        algorithm.search,
        budget,
        seed,
        fidelities=fidelities,
        options=algorithm.options,
        numbers=numbers,
    )
    return trace.quality[-1] if trace.quality else math.nan


def figures(best: float, runs: dict[str, dict[str, list[float | None]]]) -> dict[str, Any]:
    """Mean regrets with their intervals, and Wilcoxon's p against the usual subgraph, without a correction."""
    shown: dict[str, Any] = {}
    for subgraph, by_budget in runs.items():
        for budget, found in by_budget.items():
            own, usual = (
                regrets(best, [math.nan if quality is None else quality for quality in qualities])
                for qualities in (found, runs[USUAL][budget])
            )
            shown.setdefault(subgraph, {})[budget] = {
                **dict(zip(("mean", "low", "high"), interval(own), strict=True)),
                "p": None if subgraph == USUAL else p_value(own, usual),
            }
    return shown


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=30)
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    graph, _, model = TABLE.rpartition("-")
    table = Table.load(graph, model)
    numbers = table.numbers(SUBGRAPHS)
    best = max(t.value for n in numbers if not (t := table.trainings[FULL][n]).failed)
    about = {
        "table": digest(table, SUBGRAPHS),
        "made_by": MADE_BY[ALGORITHM],
        "configurations": len(numbers),
        "best": best,
        "seeds": options.seeds,
        "trees": TREES,
    }
    path = record.RESULTS / f"{NAME}.json"
    kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    runs = kept.get("runs", {}) if about.items() <= kept.items() else {}
    for subgraph in (*SUBGRAPHS, WITHOUT):
        for budget in BUDGETS:
            own = runs.setdefault(subgraph, {})
            if f"{budget:g}" in own:
                continue
            found = [replayed(table, numbers, subgraph, budget, seed) for seed in range(options.seeds)]
            own[f"{budget:g}"] = [None if math.isnan(quality) else round(quality, 6) for quality in found]
            print(f"{subgraph} {budget:g}", flush=True)
        record.write(NAME, about | {"runs": runs, "regret": figures(best, runs)})


if __name__ == "__main__":
    main()
