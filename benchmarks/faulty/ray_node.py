"""A real Ray cluster of three nodes on this machine, one of which is killed while it trains."""

from __future__ import annotations

import os
import re
import tempfile
import threading
import time
import warnings
from pathlib import Path
from typing import Any

os.environ.setdefault("RAY_worker_niceness", "0")

STEPS = 40_000


def node_killed() -> dict[str, Any]:
    """Tune with two workers on two nodes of one CPU each beside the head, kill one, and say what came of it."""
    import ray
    from ray.cluster_utils import Cluster

    import kgtuner as kt
    import kgtuner.api.tuning
    from benchmarks.faults import SPACE, ring

    kgtuner.api.tuning.report_at_end = lambda path: None
    warnings.simplefilter("ignore")
    began = time.monotonic()
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "object_store_memory": 100 << 20})
    nodes = [cluster.add_node(num_cpus=1, object_store_memory=100 << 20) for _ in range(2)]
    cluster.wait_for_nodes()
    started = time.monotonic() - began
    killed_at: list[float] = []
    with tempfile.TemporaryDirectory(prefix="kgtuner-ray-") as place:
        folder = Path(place) / "run"

        class Killer:
            """Kills a node as soon as both trainings have validated."""

            def __init__(self) -> None:
                self.validated: set[int] = set()
                self.notes: list[str] = []

            def notify(self, event: Any, elapsed: float, remaining: float | None) -> None:
                kind = type(event).__name__
                if kind == "TrialProgress":
                    self.validated.add(event.number)
                if kind == "Note":
                    self.notes.append(event.message)
                if len(self.validated) >= 2 and not killed_at:
                    killed_at.append(elapsed)
                    threading.Thread(
                        target=lambda: cluster.remove_node(nodes[0], allow_graceful=False)
                    ).start()

        space = Path(place) / "space.yaml"
        space.write_text(SPACE)
        killer = Killer()
        result = kt.tune(
            ring(), model="distmult", trials=4, max_steps=STEPS, two_stages=False, algorithm="random", space=space,
            output=folder, executor=kt.Ray(cluster.address, workers=2), observer=killer,
        )  # fmt: skip
        told = dict(
            re.findall(
                r"TrialEnded\(stage='full', number=(\d+), value=([-\d.e]+),", (folder / "log.txt").read_text()
            )
        )
        kept = {str(n): v for n, v in zip(result.trials["number"], result.trials["value"], strict=True)}
        lost = [number for number, value in told.items() if kept.get(number) != float(value)]
        outcome = {
            "nodes": 3,
            "nodes_killed": len(killed_at),
            "seconds_to_start_the_cluster": round(started, 1),
            "trials": len(result.trials),
            "trials_that_ran_again": sum("runs again" in note for note in killer.notes),
            "finished_trials_lost": len(lost),
            "failed": int((result.trials["state"] == "failed").sum()),
            "test_mrr_is_there": result.test is not None,
            "notes": [note for note in killer.notes if "runs again" in note],
        }
    if ray.is_initialized():
        ray.shutdown()
    cluster.shutdown()
    return outcome
