"""Is the two-stage search worth its budget? Against random search and the default configuration, same clock.

    python benchmarks/tuning_vs_random.py --graph world --budget 60s --seeds 0 1 2
    python benchmarks/tuning_vs_random.py --graph codex-s --budget 20m --seeds 0 1 2 --arms toss grash racing tpe
    python benchmarks/tuning_vs_random.py --graph codex-s --budget 3m --arms toss toss_sizes_searched toss_sizes_kept

Every arm has the same wall-clock budget, one worker and one thread. `two_stage` and `racing` train the default
configuration inside their budget and return it when nothing better was found: `found` says whether something was.
Rivals are as they were published, without it. Finished arms are kept in the result file and skipped when the script
is called again.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import record
from variants import toss

import kgtuner as kt
from kgtuner.tuning.budget import parse_seconds

ARMS: dict[str, dict[str, Any]] = {
    "two_stage": {},
    "random_full_space": {"algorithm": "random", "two_stages": False, "space": "full", "try_default": False},
    "random_reduced_space": {
        "algorithm": "random",
        "two_stages": False,
        "space": "reduced",
        "try_default": False,
    },
}

RIVALS: dict[str, dict[str, Any]] = {
    **{name: {"algorithm": name, "try_default": False} for name in ("toss", "grash", "autone")},
    **{
        name: {"algorithm": name, "two_stages": False, "space": "full", "try_default": False}
        for name in ("tpe", "gp", "rf_ei", "rf_bore", "smac", "evolution", "grid")
    },
    "two_stage_without_default": {"try_default": False},
    "racing": {"algorithm": "racing"},
    "racing_from_nothing": {"algorithm": "racing", "try_default": False, "try_earlier": False},
    **{name: {"algorithm": name, "try_default": False, **more} for name, more in toss.ARMS.items()},
}
"""Further arms, made when they are named by --arms: whole strategies, samplers on the full graph alone, and TOSS with
one part changed."""


def tuned(graph: str, budget: str, seed: int, model: str, arm: str) -> dict[str, Any]:
    """One tuning run; its folder is thrown away."""
    folder = Path(tempfile.mkdtemp())
    try:
        result = kt.tune(
            graph,
            model=model,
            budget=budget,
            seed=seed,
            threads=1,
            executor=kt.Local(workers=1),
            output=folder / "run",
            **(ARMS | RIVALS)[arm],
        )
        assert result.test is not None
        return {
            "test": result.test.overall.to_mapping(),
            "valid_mrr": result.best_metrics["mrr"],
            "found": not bool(
                result.trials.loc[result.trials[result.trials.stage == "full"].value.idxmax(), "default"]
            ),
            "stages": result.stages,
            "seconds": result.seconds,
            "peak_rss_mb": result.peak_rss_mb,
            "best_config": result.best_config.to_mapping(),
        }
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def default(graph: str, budget: str, seed: int, model: str) -> dict[str, Any]:
    """The default configuration with the whole budget to itself."""
    seconds = parse_seconds(budget)
    loaded = kt.load_dataset(graph)
    config = kt.default_config(model, loaded).limited(
        max_seconds=seconds, validate_every_seconds=seconds / 12
    )
    run = kt.train(loaded, config, seed=seed, threads=1)
    metrics = kt.evaluate(run, split="test").overall.to_mapping()
    return {"test": metrics, "valid_mrr": run.report["valid"]["mrr"], "seconds": run.report["seconds"]}


def kept(path: Path) -> list[dict[str, Any]]:
    """What is there now: another process may add other seeds at the same time."""
    runs: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["runs"] if path.exists() else []
    return runs


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--graph", default="world")
    parser.add_argument("--model", default="complex")
    parser.add_argument("--budget", default="2m")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--arms", nargs="+", default=["default", *ARMS], choices=["default", *ARMS, *RIVALS])
    parser.add_argument("--quick", action="store_true", help="one seed of ten seconds, nothing kept")
    options = parser.parse_args()
    toss.add()
    if options.quick:
        print(tuned(options.graph, "10s", 0, options.model, "two_stage")["test"])
        return
    name = f"tuning_{options.graph}_{options.model}_{options.budget}"
    path = record.RESULTS / f"{name}.json"
    for seed in options.seeds:
        for arm in options.arms:
            if any(run["arm"] == arm and run["seed"] == seed for run in kept(path)):
                continue
            if arm == "default":
                figures = default(options.graph, options.budget, seed, options.model)
            else:
                figures = tuned(options.graph, options.budget, seed, options.model, arm)
            runs = [*kept(path), {"arm": arm, "seed": seed, "source": record.source(), **figures}]
            about = {"graph": options.graph, "model": options.model, "budget": options.budget}
            record.write(name, about | {"runs": sorted(runs, key=lambda run: (run["seed"], run["arm"]))})
            print(seed, arm, round(figures["test"]["mrr"], 4), flush=True)


if __name__ == "__main__":
    main()
