"""What do the compiled kernels gain over plain torch operators, and what does compiling cost?

    python benchmarks/kernels.py            # about a minute on an idle core
    python benchmarks/kernels.py --quick    # small and kept nowhere

Each part runs with the kernels and without them (KGTUNER_KERNELS), in turns, on one thread, and is timed in processor
time: training steps on WN18RR with batches of 512 and 128 negatives, the scores of all entities for 64 queries, and the
ranks of 204 queries from their scores, with all checks. What a process pays before its first step is timed in two
processes, one with an empty cache and one with what the first left there.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import record
import torch
from contestants.ours import configured

import kgtuner as kt
from kgtuner import kernels
from kgtuner.evaluation.ranks import compiled_ranks, realistic_ranks
from kgtuner.experiment import prepare
from kgtuner.models import MODELS
from kgtuner.training.allocation import keeping_freed_memory

GRAPH = "wn18rr"
ADVERSARIAL = {"loss": "bce_adversarial"}
STEPS: dict[str, dict[str, Any]] = {
    "step, ComplEx 200, independent negatives": {"model": "complex", "dimension": 200},
    "step, ComplEx 200, shared negatives": {"model": "complex", "dimension": 200, "negatives": "shared"},
    "step, TransE 100, independent negatives": {"model": "transe", "dimension": 100, **ADVERSARIAL},
    "step, RotatE 100, independent negatives": {"model": "rotate", "dimension": 100, **ADVERSARIAL},
}
SCORED, RANKED, WIDTH = 64, 204, 100
FIRST = """
import time
started = time.perf_counter()
import kgtuner.experiment
loaded = time.perf_counter()
import torch
kgtuner.experiment.compile_kernels(torch.device("cpu"))
print(time.perf_counter() - loaded)
"""


def switched(setting: str, work: Callable[[], Any]) -> Callable[[], Any]:
    """Work that runs with KGTUNER_KERNELS set."""

    def done() -> Any:
        os.environ[kernels.VARIABLE] = setting
        return work()

    return done


def step(graph: kt.KnowledgeGraph, settings: dict[str, Any]) -> Callable[[], Any]:
    trainer, _ = prepare(configured(**settings), graph)
    trainer.model.train()
    return lambda: trainer.train_batch(trainer.batches.next())


def parts(graph: kt.KnowledgeGraph) -> dict[str, tuple[Callable[[], Any], Callable[[], Any]]]:
    """Name -> the same work with kernels and without."""
    found = {}
    for name, settings in STEPS.items():
        build = partial(step, graph, settings)
        found[name] = (switched("on", switched("on", build)()), switched("off", switched("off", build)()))
    generator = torch.Generator().manual_seed(0)
    table = torch.randn(graph.n_entities, WIDTH, generator=generator)
    query = torch.randn(SCORED, WIDTH, generator=generator)
    for kind in ("transe", "rotate"):
        model = MODELS[kind](2, 1, WIDTH)
        scoring = [
            switched(setting, lambda model=model: model.score_candidates(query, table))
            for setting in ("on", "off")
        ]
        found[f"scores of all entities for {SCORED} queries, {MODELS[kind].__name__} {WIDTH}"] = (
            scoring[0],
            scoring[1],
        )
    scores = torch.randn(RANKED, graph.n_entities, generator=generator)
    target = torch.arange(RANKED) % graph.n_entities
    none, buffer, array = target[:0], torch.empty_like(scores), target.numpy()
    found[f"ranks of {RANKED} queries from their scores"] = (
        lambda: compiled_ranks(scores, array, np.empty(0, np.int64), np.empty(0, np.int64)),
        lambda: realistic_ranks(scores, target, none, none, buffer),
    )
    return found


def measured(graph: kt.KnowledgeGraph, rounds: int) -> list[dict[str, Any]]:
    rows = []
    with torch.no_grad(), keeping_freed_memory():
        for name, works in parts(graph).items():
            times: list[list[float]] = [[], []]
            for number in range(-2, rounds):  # two rounds warm up
                for work, so_far in zip(works, times, strict=True):
                    with torch.enable_grad() if name.startswith("step") else torch.no_grad():
                        started = time.process_time()
                        work()
                        seconds = time.process_time() - started
                    if number >= 0:
                        so_far.append(seconds * 1e3)
            ours, plain = (round(statistics.median(each), 2) for each in times)
            rows.append({"part": name, "kernels_ms": ours, "plain_ms": plain, "gain": round(plain / ours, 2)})
            print(rows[-1], flush=True)
    return rows


def first_calls() -> dict[str, float]:
    """Seconds until all kernels of a training and a ranking are there: compiled, and read from the cache."""
    with tempfile.TemporaryDirectory() as cache:
        environment = os.environ | {"XDG_CACHE_HOME": cache, kernels.VARIABLE: "on"}
        code = FIRST
        cold, warm = (
            float(
                subprocess.run(
                    [sys.executable, "-c", code], env=environment, check=True, capture_output=True
                ).stdout
            )
            for _ in "12"
        )
    return {"empty_cache_seconds": round(cold, 1), "full_cache_seconds": round(warm, 2)}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    if not kernels.installed():
        print("0 parts measured: the kernels need numba, which is not installed")
        return
    torch.set_num_threads(1)
    if options.quick:
        measured(kt.load_dataset("world"), 2)
        return
    load = round(os.getloadavg()[0], 2)
    rows, first = measured(kt.load_dataset(GRAPH), options.rounds), first_calls()
    print(first)
    figures = {"graph": GRAPH, "threads": 1, "rounds": options.rounds, "load_average": load}
    record.write(
        "kernels", {**figures, "arithmetic": kernels.described(), "first_calls": first, "rows": rows}
    )


if __name__ == "__main__":
    main()
