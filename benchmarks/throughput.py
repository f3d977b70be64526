"""Trials an hour with 1, 2 and 4 workers, what the coordinator adds to a trial, and Ray beside local workers.

    python benchmarks/throughput.py            # a quarter of an hour on two idle cores
    python benchmarks/throughput.py --quick    # a minute, nothing is kept

Each trial makes the same number of steps, so the number of trials an hour is a matter of how many run at once and of
what surrounds them. The coordinator is measured with an executor that trains nothing, proposals at random.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))

import kgtuner as kt
import kgtuner.api.tuning
from benchmarks import record
from kgtuner.execution.executor import Executor, Job, SlotHealth
from kgtuner.execution.tasks import Done, Message, Resources, Task, TrainTask
from kgtuner.search.samplers import RandomSampler

SPACE = """\
base: reduced
parameters: {model.dimension: 64, negatives.num_negatives: 32, training.mode: negative_sampling}
"""


def ring(n: int) -> kt.KnowledgeGraph:
    """Entities on a ring, linked by ten fixed distances."""
    entity = np.arange(n)
    steps = (1, -1, 2, -2, 3, -3, 5, -5, 7, -7)
    parts = [np.column_stack([entity, np.full(n, r), (entity + step) % n]) for r, step in enumerate(steps)]
    return kt.KnowledgeGraph.from_arrays(np.concatenate(parts), name="ring", seed=0, leaks="keep")


class Instant(Executor):
    """Trains nothing and says so at once."""

    slots = 4

    def __init__(self) -> None:
        self._jobs: list[Job] = []
        self.asked: list[float] = []

    def start(self) -> None: ...

    def submit(self, task: Task, resources: Resources) -> Job:
        self._jobs.append(Job(task, resources))
        self.asked.append(time.perf_counter())
        return self._jobs[-1]

    def wait(self, seconds: float) -> list[tuple[Job, Message]]:
        job = self._jobs.pop(0)
        assert isinstance(job.task, TrainTask)
        value = 0.1 + 1e-6 * len(self.asked)
        metrics = {
            "mrr": value,
            "mean_rank": 1 / value,
            "hits_at_1": value,
            "hits_at_3": value,
            "hits_at_10": value,
        }
        result = {
            "best": value, "valid": metrics, "valid_seconds": 0.1, "seconds": 1.0, "training_seconds": 1.0,
            "queries": 1000, "steps": 100, "stopped_by": "patience", "peak_rss_mb": 1.0,
            "curve": [{"step": 10 * i, "seconds": 0.1 * i, "loss": 1.0, "metric": value} for i in range(10)],
            "config": dict(job.task.config),
        }  # fmt: skip
        return [(job, Done(result))]

    def cancel(self, job: Job) -> None: ...

    def health(self) -> list[SlotHealth]:
        return []

    def close(self, *, kill: bool = False) -> None: ...

    def describe(self) -> dict[str, Any]:
        return {"name": "local", "workers": 4}


def trained(executor: Executor, trials: int, steps: int, n: int) -> dict[str, Any]:
    """A run on the full graph alone; the rate is of the time between the first start and the last end."""
    with tempfile.TemporaryDirectory(prefix="kgtuner-throughput-") as place:
        space = Path(place) / "space.yaml"
        space.write_text(SPACE)
        times: list[float] = []

        class Watching:
            def notify(self, event: Any, elapsed: float, remaining: float | None) -> None:
                if type(event).__name__ in ("TrialStarted", "TrialEnded"):
                    times.append(elapsed)

        kt.tune(
            ring(n), model="distmult", trials=trials, max_steps=steps, two_stages=False, algorithm="random",
            space=space, output=Path(place) / "run", executor=executor, observer=Watching(), try_default=False,
        )  # fmt: skip
    seconds = times[-1] - times[0]
    return {
        "trials": trials,
        "steps": steps,
        "seconds": round(seconds, 2),
        "trials_per_hour": round(3600 * trials / seconds),
        "load_average": round(os.getloadavg()[0], 1),
    }


def overhead(trials: int) -> dict[str, Any]:
    """What the coordinator does for a trial, apart from the proposal, and how its memory grows."""
    kgtuner.api.tuning.report_at_end = lambda path: None
    memory: list[float] = []
    proposals: list[float] = []
    propose = RandomSampler.sample_relative

    def timed(*args: Any) -> dict[str, Any]:
        began = time.perf_counter()
        proposal = propose(*args)
        proposals.append(time.perf_counter() - began)
        return proposal

    RandomSampler.sample_relative = timed  # type: ignore[assignment, method-assign]
    with tempfile.TemporaryDirectory(prefix="kgtuner-throughput-") as place:
        executor = Instant()
        executor.run = lambda *args, **options: (_ for _ in ()).throw(KeyboardInterrupt)  # type: ignore[method-assign]

        class Watching:
            def notify(self, event: Any, elapsed: float, remaining: float | None) -> None:
                if type(event).__name__ == "TrialEnded" and event.number % max(1, trials // 10) == 0:
                    memory.append(round(psutil.Process().memory_info().rss / 2**20, 1))

        kt.tune(
            ring(200), model="distmult", trials=trials, two_stages=False, algorithm="random",
            output=Path(place) / "run", executor=executor, observer=Watching(), try_default=False,
        )  # fmt: skip
        RandomSampler.sample_relative = propose  # type: ignore[method-assign]
        asked = np.diff(executor.asked) - np.array(proposals[1 : len(executor.asked)])
    tenth = max(1, len(asked) // 10)
    return {
        "trials": trials,
        "ms_per_trial": {
            "mean": round(1000 * float(asked.mean()), 2),
            "median": round(1000 * float(np.median(asked)), 2),
            "first_tenth": round(1000 * float(asked[:tenth].mean()), 2),
            "last_tenth": round(1000 * float(asked[-tenth:].mean()), 2),
        },
        "proposal_ms": {
            "mean": round(1000 * float(np.mean(proposals)), 2),
            "last_tenth": round(1000 * float(np.mean(proposals[-tenth:])), 2),
        },
        "rss_mb": memory,
        "load_average": round(os.getloadavg()[0], 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="few and short trials, nothing is kept")
    parser.add_argument(
        "--only", nargs="*", choices=["overhead", "local", "ray"], default=["overhead", "local", "ray"]
    )
    parser.add_argument("--trials", type=int, default=5_000, help="for the coordinator")
    args = parser.parse_args()
    if args.quick:
        print(json.dumps({"overhead": overhead(30), "local 1": trained(kt.Local(1), 3, 5, 300)}, indent=1))
        return
    path = record.RESULTS / "throughput.json"
    figures: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    figures.pop("environment", None)
    if "overhead" in args.only:
        figures["overhead"] = overhead(args.trials)
        record.write("throughput", figures)
    if "local" in args.only:
        for workers in (1, 2, 4):
            figures[f"local {workers}"] = trained(kt.Local(workers), 24, 400, 2000)
            record.write("throughput", figures)
    if "ray" in args.only:
        for workers in (1, 2):
            figures[f"ray {workers}"] = trained(kt.Ray(workers=workers), 24, 400, 2000)
            record.write("throughput", figures)
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
