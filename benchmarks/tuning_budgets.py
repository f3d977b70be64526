"""What does tuning reach within a budget, beside the best published figures?

    python benchmarks/tuning_budgets.py                       # every row, hours in all
    python benchmarks/tuning_budgets.py --rows codex-s/complex/15m
    python benchmarks/tuning_budgets.py --table                     # what is there, as Markdown

A row is graph/model/budget. Finished rows are kept in the result file and skipped when the script is called again.
The published figures are test MRR: LibKGE's best for CoDEx-S and WN18RR, KGTuner's (ACL 2022) for WN18RR and
FB15k-237.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import record

import kgtuner as kt

ROWS = (
    "umls/complex/5m",
    "codex-s/complex/15m",
    "wn18rr/complex/45m",
    "codex-s/transe/3m",
    "codex-s/distmult/3m",
    "codex-s/rotate/3m",
    "codex-s/conve/3m",
    "fb15k-237/complex/10m",
)
PUBLISHED = {  # test MRR
    "codex-s/complex": {"LibKGE": 0.465},
    "codex-s/transe": {"LibKGE": 0.354},
    "codex-s/conve": {"LibKGE": 0.444},
    "wn18rr/complex": {"LibKGE": 0.475, "KGTuner, ACL 2022": 0.484},
    "fb15k-237/complex": {"LibKGE": 0.348, "KGTuner, ACL 2022": 0.352},
}


def measured(row: str, workers: int, threads: int, seed: int) -> dict[str, Any]:
    """One tuning run; its folder is thrown away."""
    graph, model, budget = row.split("/")
    folder = Path(tempfile.mkdtemp())
    try:
        result = kt.tune(
            graph,
            model=model,
            budget=budget,
            seed=seed,
            threads=threads,
            output=folder / "run",
            executor=kt.Local(workers=workers),
        )
        assert result.test is not None
        assert result.default_test is not None
        test = result.test.to_mapping()
        return {
            "row": row,
            "seed": seed,
            "workers": workers,
            "threads": threads,
            "test": {
                name: test[name] for name in ("mrr", "hits_at_1", "hits_at_3", "hits_at_10", "mean_rank")
            },
            "valid_mrr": result.best_metrics["mrr"],
            "default_in_its_trial": {"test_mrr": result.default_test.overall.mrr},
            "published_test_mrr": PUBLISHED.get(f"{graph}/{model}", {}),
            "stages": result.stages,
            "seconds": round(result.seconds, 1),
            "peak_rss_mb": round(result.peak_rss_mb),
            "best_config": result.best_config.to_mapping(),
        }
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def table() -> str:
    """Markdown: a row for each row of `ROWS` that was measured, the newest run of it."""
    head = (
        "graph",
        "model",
        "budget",
        "test MRR",
        "Hits@1 / 3 / 10",
        "trials",
        "wall clock",
        "peak RSS",
        "published",
    )
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for row in ROWS:
        graph, model, budget = row.split("/")
        path = record.RESULTS / f"tuning_budget_{graph}_{model}.json"
        if not path.exists():
            continue
        run = [r for r in json.loads(path.read_text(encoding="utf-8"))["runs"] if r["row"] == row][-1]
        test = run["test"]
        cells = (
            graph,
            model,
            budget,
            f"{test['mrr']:.3f}",
            " / ".join(f"{test[f'hits_at_{k}']:.3f}" for k in (1, 3, 10)),
            " + ".join(f"{stage['trials']} {stage['stage']}" for stage in run["stages"]),
            f"{run['seconds']:,.0f} s",
            f"{run['peak_rss_mb']:,} MB",
            ", ".join(f"{mrr:.3f} {who}" for who, mrr in run["published_test_mrr"].items()),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", nargs="+", default=list(ROWS))
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="world for ten seconds, nothing kept")
    parser.add_argument("--table", action="store_true", help="print what is there and stop")
    options = parser.parse_args()
    if options.table:
        print(table())
        return
    if options.quick:
        print(measured("world/complex/10s", options.workers, options.threads, options.seed)["test"])
        return
    for row in options.rows:
        graph, model, _ = row.split("/")
        name = f"tuning_budget_{graph}_{model}"
        path = record.RESULTS / f"{name}.json"
        runs = json.loads(path.read_text(encoding="utf-8"))["runs"] if path.exists() else []
        same = {"row": row, "seed": options.seed, "workers": options.workers, "threads": options.threads}
        if any(same.items() <= r.items() for r in runs):
            continue
        figures = measured(row, options.workers, options.threads, options.seed)
        record.write(name, {"runs": [*runs, figures]})
        print(row, figures["test"], flush=True)


if __name__ == "__main__":
    main()
