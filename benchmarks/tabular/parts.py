"""The targets of `racing` on random two thirds of a table's rows, other ones for each seed.

    python -m benchmarks.tabular.parts                          # both tables, into results/search_parts.json

On a whole table a search that begins with what was good elsewhere begins alike for every seed, and its intervals say
nothing about another beginning. Here what it is given, and what is best, differ from seed to seed. Results of today's
code and tables are kept.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

import numpy as np
import optuna

from benchmarks import record
from benchmarks.tabular.algorithms import ALGORITHMS, MADE_BY, TREES
from benchmarks.tabular.compare import interval, p_value, regrets
from benchmarks.tabular.replay import replay
from benchmarks.tabular.simulate import SUBGRAPH, digest, good_elsewhere, is_current
from benchmarks.tabular.table import Table
from kgtuner.search.strategies import FULL

NAME = "search_parts"
TABLES = ("codex-s-complex", "umls-complex")
ROWS = 2 / 3
BUDGETS = {
    "racing": (3.0, 6.0, 15.0),
    "toss": (3.0,),
    "grash": (3.0,),
    **dict.fromkeys(("random", "tpe", "gp", "rf_ei"), (60.0,)),
}
"""In whole trainings; the others' 60 are what racing is to reach with a tenth or a quarter."""
TARGETS = (
    (3.0, "grash", 3.0),
    (3.0, "toss", 3.0),
    (6.0, "random", 60.0),
    (15.0, "tpe", 60.0),
    (15.0, "gp", 60.0),
    (15.0, "rf_ei", 60.0),
)
"""racing's budget, and another search with its own."""


def replayed(table: Table, graph: str, name: str, budget: float, seed: int) -> tuple[float, float]:
    """What one seed found on its part of the table, 0 where nothing, and the best there was."""
    subgraph, algorithm = SUBGRAPH[graph], ALGORITHMS[name]
    numbers = table.numbers((subgraph,))
    drawn = np.random.default_rng(seed).choice(numbers, round(ROWS * len(numbers)), replace=False)
    part = sorted(int(number) for number in drawn)
    trace = replay(
        table,
        algorithm.search,
        budget,
        seed,
        fidelities=(subgraph,),
        options=algorithm.options,
        numbers=part,
        first=good_elsewhere(table, graph, part) if algorithm.knowing else [],
    )
    best = max(t.value for n in part if not (t := table.trainings[FULL][n]).failed)
    return (trace.quality[-1] if trace.quality else 0.0), best


def figures(runs: dict[str, dict[str, dict[str, Any]]]) -> dict[str, Any]:
    """Mean regrets with their intervals, and Wilcoxon's p for each target, without a correction."""
    regret = {
        (name, budget): [regrets(b, [q])[0] for b, q in zip(run["best"], run["quality"], strict=True)]
        for name, by_budget in runs.items()
        for budget, run in by_budget.items()
    }
    shown: dict[str, Any] = {"regret": {}, "targets": []}
    for (name, budget), values in regret.items():
        shown["regret"].setdefault(name, {})[budget] = dict(
            zip(("mean", "low", "high"), interval(values), strict=True)
        )
    for ours, other, theirs in TARGETS:
        mine, its = regret["racing", f"{ours:g}"], regret[other, f"{theirs:g}"]
        shown["targets"].append(
            {
                "racing": ours,
                "against": other,
                "with": theirs,
                "difference": dict(
                    zip(
                        ("mean", "low", "high"),
                        interval([m - i for m, i in zip(mine, its, strict=True)]),
                        strict=True,
                    )
                ),
                "p": p_value(mine, its),
            }
        )
    return shown


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--tables", nargs="+", default=list(TABLES), choices=TABLES)
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    path = record.RESULTS / f"{NAME}.json"
    kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["tables"] if path.exists() else {}
    tables = {name: Table.load(*name.rsplit("-", 1)) for name in TABLES}
    of = {name: digest(table, (SUBGRAPH[name.rpartition("-")[0]],)) for name, table in tables.items()}
    for name in options.tables:
        graph, table = name.rpartition("-")[0], tables[name]
        if kept.get(name, {}).get("tables") != of:  # the other one decides what racing is given
            kept[name] = {"tables": of, "runs": {}}
        runs = kept[name]["runs"]
        for algorithm, budgets in BUDGETS.items():
            for budget in budgets:
                own = runs.setdefault(algorithm, {})
                if is_current(own.get(f"{budget:g}"), algorithm, options.seeds):
                    continue
                found = [replayed(table, graph, algorithm, budget, seed) for seed in range(options.seeds)]
                own[f"{budget:g}"] = {
                    "quality": [round(quality, 6) for quality, _ in found],
                    "best": [round(best, 6) for _, best in found],
                    "made_by": MADE_BY[algorithm],
                }
                print(f"{name} {algorithm} {budget:g}", flush=True)
        kept[name] |= figures(runs)
        record.write(NAME, {"tables": kept, "rows": ROWS, "seeds": options.seeds, "trees": TREES})


if __name__ == "__main__":
    main()
