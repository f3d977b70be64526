"""Every algorithm replayed on the tables of real trainings, with a simulated clock and paired seeds.

    python -m benchmarks.tabular.simulate                       # all tables, into results/search_simulated.json
    python -m benchmarks.tabular.simulate --tables umls-complex --seeds 5 --only random racing

Costs are in whole trainings on the full graph. A run that is in the result file already, for the same tables and made
with the same code, is kept. Rows of the table that an algorithm has asked for are gone, so on a small table all of them
end alike.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import time
from typing import Any

import numpy as np
import optuna

from benchmarks import record
from benchmarks.tabular.algorithms import ALGORITHMS, MADE_BY, TREES
from benchmarks.tabular.compare import against, interval, regrets
from benchmarks.tabular.earlier import studies
from benchmarks.tabular.replay import replay
from benchmarks.tabular.store import DATA
from benchmarks.tabular.table import Table
from kgtuner.search.earlier import PORTFOLIO, portfolio
from kgtuner.search.strategies import FULL

NAME = "search_simulated"
SUBGRAPH = {"umls": "walk-0.4", "codex-s": "walk-0.2", "wn18rr": "walk-0.2"}
OURS = ("racing", "racing from nothing")
"""What the others are tested against, seed by seed."""
LEAST_ROWS = 20
"""Configurations below which a table says nothing about a search."""


def simulated(table: Table, graph: str, name: str, budget: float, seeds: range) -> dict[str, Any]:
    """One algorithm on one table: what each seed found, how much it asked for, and the seconds of all."""
    subgraph, algorithm = SUBGRAPH[graph], ALGORITHMS[name]
    numbers = table.numbers((subgraph,))
    first = good_elsewhere(table, graph, numbers) if algorithm.knowing else []
    began = time.perf_counter()
    traces = [
        replay(
            table,
            algorithm.search,
            budget,
            seed,
            fidelities=(subgraph,),
            options=algorithm.options,
            numbers=numbers,
            first=first,
        )
        for seed in seeds
    ]
    return {
        "quality": [round(trace.quality[-1], 6) if trace.quality else None for trace in traces],
        "trainings": [trace.trainings for trace in traces],
        "seconds": round(time.perf_counter() - began, 1),
        "made_by": MADE_BY[name],
    }


def is_current(run: dict[str, Any] | None, name: str, seeds: int) -> bool:
    """Whether a kept result is of today's code and of as many seeds."""
    return run is not None and len(run["quality"]) == seeds and run.get("made_by") == MADE_BY[name]


def current(runs: dict[str, dict[str, dict[str, Any]]], seeds: int) -> dict[str, dict[str, dict[str, Any]]]:
    """Of kept results by budget and algorithm those that are of today's code and asked for at that budget."""
    return {
        budget: {
            name: run
            for name, run in by_name.items()
            if name in ALGORITHMS
            and float(budget) in ALGORITHMS[name].budgets
            and is_current(run, name, seeds)
        }
        for budget, by_name in runs.items()
    }


def good_elsewhere(table: Table, graph: str, numbers: list[int]) -> list[int]:
    """Of the configurations of the table those that are best on other graphs, in the order of `portfolio`.

    The other studies are cut down to the configurations that this table has too, which the shipped ones are not.
    """
    model = str(table.space.codes.assignment(table.codes[numbers[0]])["model.name"])
    chosen = portfolio(studies(set(numbers)), graph, model, *table.sizes[FULL])[:PORTFOLIO]
    at = {table.codes[number].tobytes(): number for number in numbers}
    return [at[row.tobytes()] for row in table.space.codes.rows(chosen)]


def digest(table: Table, subgraphs: tuple[str, ...]) -> str:
    """Twelve digits of a hash over what a search on these graphs and the full one can ask for; not of other rows."""
    found = hashlib.sha256()
    for name in sorted({*subgraphs, FULL}):
        found.update(f"{name} {table.caps[name]} {table.sizes[name]}".encode())
        for number in table.numbers(subgraphs):
            training = table.trainings[name][number]
            seen = [training.at, training.values, [training.seconds, training.failed]]
            found.update(table.codes[number].tobytes() + np.concatenate(seen).tobytes())
    return found.hexdigest()[:12]


def figures(table: Table, graph: str, runs: dict[str, dict[str, dict[str, Any]]]) -> dict[str, Any]:
    """Mean regret with its interval for each budget, and the paired tests of `OURS` against all others."""
    numbers = table.numbers((SUBGRAPH[graph],))
    best = max(t.value for n in numbers if not (t := table.trainings[FULL][n]).failed)
    shown: dict[str, Any] = {"configurations": len(numbers), "best": best, "budgets": {}}
    for budget, by_name in runs.items():
        regret = {
            name: regrets(best, [math.nan if quality is None else quality for quality in own["quality"]])
            for name, own in by_name.items()
        }
        shown["budgets"][budget] = {
            "regret": {
                name: dict(zip(("mean", "low", "high"), interval(values), strict=True))
                for name, values in regret.items()
            },
            "against": {ours: against(ours, regret) for ours in OURS if ours in regret},
        }
    return shown


def table_of(shown: dict[str, Any]) -> str:
    """Regrets as Markdown, the best first at the largest budget."""
    budgets = list(shown["budgets"])
    names = sorted(
        shown["budgets"][budgets[-1]]["regret"],
        key=lambda name: [
            shown["budgets"][b]["regret"].get(name, {"mean": 9})["mean"] for b in budgets[::-1]
        ],
    )
    lines = ["| algorithm | " + " | ".join(f"{b} trainings" for b in budgets) + " |"]
    lines.append("|---" * (len(budgets) + 1) + "|")
    for name in names:
        cells = []
        for b in budgets:
            r = shown["budgets"][b]["regret"].get(name)
            cells.append("" if r is None else f"{r['mean']:.4f} ({r['low']:.4f} to {r['high']:.4f})")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--tables", nargs="+", help="such as umls-complex; by default all that are large enough"
    )
    parser.add_argument("--seeds", type=int, default=30)
    budgets = sorted({budget for algorithm in ALGORITHMS.values() for budget in algorithm.budgets})
    parser.add_argument(
        "--budgets",
        type=float,
        nargs="+",
        default=budgets,
        choices=budgets,
        help="of those that each algorithm has",
    )
    parser.add_argument("--only", nargs="+", default=list(ALGORITHMS), choices=list(ALGORITHMS))
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    path = record.RESULTS / f"{NAME}.json"
    kept: dict[str, Any] = json.loads(path.read_text())["tables"] if path.exists() else {}
    for file in sorted(DATA.glob("*.parquet")):
        name = file.stem
        if options.tables is not None and name not in options.tables:
            continue
        graph, _, model = name.rpartition("-")
        table = Table.load(graph, model)
        if SUBGRAPH[graph] not in table.trainings or len(table.numbers((SUBGRAPH[graph],))) < LEAST_ROWS:
            print(f"{name}: fewer than {LEAST_ROWS} configurations so far, left out")
            continue
        seen = digest(table, (SUBGRAPH[graph],))
        if kept.get(name, {}).get("table") != seen:
            kept[name] = {"table": seen, "runs": {}}
        runs = kept[name]["runs"]
        first = good_elsewhere(table, graph, table.numbers((SUBGRAPH[graph],)))
        if kept[name].get("first") != first:  # the other tables have grown
            knowing = {name for name, algorithm in ALGORITHMS.items() if algorithm.knowing}
            runs = {b: {a: r for a, r in own.items() if a not in knowing} for b, own in runs.items()}
        runs = current(runs, options.seeds)
        kept[name] |= {"first": first, "runs": runs}
        for budget in options.budgets:
            own = runs.setdefault(f"{budget:g}", {})
            for algorithm in options.only:
                if budget in ALGORITHMS[algorithm].budgets and algorithm not in own:
                    own[algorithm] = simulated(table, graph, algorithm, budget, range(options.seeds))
                    seconds = own[algorithm]["seconds"]
                    print(f"{name} {budget:g} {algorithm}: {options.seeds} seeds in {seconds} s", flush=True)
            kept[name] |= figures(table, graph, runs)
            record.write(NAME, {"tables": kept, "trees": TREES, "seeds": options.seeds})
        print(table_of(kept[name]))


if __name__ == "__main__":
    main()
