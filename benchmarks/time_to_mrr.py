"""How soon is a model good? Seconds from an untrained ComplEx on WN18RR to a validation and a test MRR.

    python benchmarks/time_to_mrr.py                                    # benchmarks/complex_fast.yaml, an hour
    python benchmarks/time_to_mrr.py --config benchmarks/complex_hour.yaml --threads 1
    python benchmarks/time_to_mrr.py --config FILE --threads 2 --max-seconds 900

The graph is loaded; then the clock starts, and it counts everything: making the model, training, ranking all
validation triples at every validation. It stands still only while the test split is ranked, which decides nothing: at
the end of each stage (--stages, in seconds) the parameters with the best validation so far are ranked on all test
triples in both directions, and the training goes on from its checkpoint. A stage ends with a validation, so a training
in stages validates a few times more than one in a single run.

A finished run of a configuration, number of threads and seed is kept in the result file and skipped when the script is
called again; one that was interrupted is measured anew.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import record
import torch

import kgtuner as kt
from kgtuner.errors import KGTunerError
from kgtuner.experiment import run as train
from kgtuner.parts import check
from kgtuner.training.trainer import CurvePoint

ROOT = Path(__file__).parents[1]
CONFIG = ROOT / "benchmarks" / "complex_fast.yaml"
VALID_GOALS = (0.40, 0.45)
TEST_GOALS = (0.47, 0.48)
STAGES = (120.0, 300.0, 720.0, 1_800.0, 3_600.0)


@dataclass
class Curve:
    """Validations as they come, with the seconds that passed before the first step added to each."""

    began: float
    setup: float | None = None
    points: list[tuple[float, float]] = field(default_factory=list)  # seconds, MRR

    def add(self, point: CurvePoint) -> None:
        if self.setup is None:
            self.setup = time.monotonic() - self.began - point.seconds
        self.points.append((round(point.seconds + self.setup, 2), round(point.metric, 5)))
        print(f"{self.points[-1][0]:8.1f} s   valid MRR {self.points[-1][1]:.4f}", flush=True)


def reached(points: list[tuple[float, float]], goal: float) -> float | None:
    """Seconds until the first validation at or above a goal."""
    return next((seconds for seconds, mrr in points if mrr >= goal), None)


def measured(
    graph: kt.KnowledgeGraph,
    config: kt.TrialConfig,
    stages: list[float],
    *,
    seed: int,
    device: str,
    keep: Any = lambda figures: None,
) -> dict[str, Any]:
    """One training in stages; `keep` is called with what is known after each."""
    folder = Path(tempfile.mkdtemp())
    tests: list[dict[str, Any]] = []
    figures: dict[str, Any] = {}
    curve = Curve(time.monotonic())
    try:
        for stage in stages:
            limited = config.limited(
                max_seconds=stage - (curve.setup or 0.0), max_valid_triples=None, max_epochs=None
            )
            result = train(
                limited,
                graph,
                seed=seed,
                device=device,
                checkpoint=folder / "checkpoint.safetensors",
                on_validation=curve.add,
            )
            test = kt.evaluate(result.model, graph, split="test").overall
            tests.append(
                {
                    "within_seconds": stage,
                    "seconds": curve.points[-1][0],
                    "valid_mrr": round(result.valid.mrr, 5),
                    "test_mrr": round(test.mrr, 5),
                    "test_hits_at_1": round(test.hits_at_1, 5),
                    "test_hits_at_10": round(test.hits_at_10, 5),
                }
            )
            print(f"within {stage:.0f} s: test MRR {test.mrr:.4f}", flush=True)
            figures = {
                "setup_seconds": round(curve.setup or 0.0, 2),
                "seconds_to_valid_mrr": {str(goal): reached(curve.points, goal) for goal in VALID_GOALS},
                "seconds_to_test_mrr": {
                    str(goal): next((t["seconds"] for t in tests if t["test_mrr"] >= goal), None)
                    for goal in TEST_GOALS
                },
                "test": tests,
                "steps": result.steps,
                "queries": result.queries,
                "training_seconds": round(result.training_seconds, 1),
                "peak_rss_mb": round(result.peak_rss_mb),
                "stopped_by": result.stopped_by,
                "curve": curve.points,
            }
            keep(figures)
            if result.stopped_by != "max_seconds" or test.mrr >= max(TEST_GOALS):
                break
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", type=Path, default=CONFIG, metavar="FILE")
    parser.add_argument("--graph", default="wn18rr")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu", help="cpu (default), cuda or cuda:1")
    parser.add_argument("--max-seconds", type=float, default=STAGES[-1])
    parser.add_argument("--stages", type=float, nargs="+", default=list(STAGES), metavar="SECONDS")
    parser.add_argument("--again", action="store_true", help="measure again what is already there")
    parser.add_argument("--quick", action="store_true", help="two stages of a second on world, nothing kept")
    options = parser.parse_args()
    record.require_device(options.device)
    torch.set_num_threads(options.threads)
    if options.quick:
        config = kt.default_config("complex").limited(validate_every_seconds=0.5)
        measured(kt.load_dataset("world"), config, [1.0, 2.0], seed=0, device=options.device)
        return
    try:
        config = kt.TrialConfig.load(options.config)
        check(config)
        graph = kt.load_dataset(options.graph)
    except KGTunerError as error:
        raise SystemExit(str(error)) from None
    stages = sorted({s for s in options.stages if s < options.max_seconds} | {options.max_seconds})
    what = {
        "graph": options.graph,
        "config": config.to_mapping(),
        "threads": options.threads,
        "seed": options.seed,
        "device": options.device,
        "max_seconds": options.max_seconds,
    }
    path = record.RESULTS / "time_to_mrr.json"
    runs = json.loads(path.read_text(encoding="utf-8"))["runs"] if path.exists() else []
    same = [run for run in runs if all(run.get(key) == value for key, value in what.items())]
    if any(run["finished"] for run in same) and not options.again:
        return
    others = [run for run in runs if run not in same]
    name = os.path.relpath(options.config.resolve(), ROOT)
    load = round(os.getloadavg()[0], 2)

    def keep(figures: dict[str, Any], *, finished: bool = False) -> None:
        about = {"file": name, **what, "load_average": load, "finished": finished}
        record.write("time_to_mrr", {"runs": [*others, {**about, **figures}]})

    keep(measured(graph, config, stages, seed=options.seed, device=options.device, keep=keep), finished=True)


if __name__ == "__main__":
    main()
