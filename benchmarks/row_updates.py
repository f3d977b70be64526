"""From which share of touched entities on is it faster to update all rows of the table than those alone?

    python benchmarks/row_updates.py           # some minutes

Steps of ComplEx with 200 reals and negatives of each query's own, as many as touch the share that a row names, with
`optimizer.row_updates` sparse and dense in turn. Time is that of the processor, on one thread. `DENSE_FROM` of
kgtuner/experiment.py says where `auto` changes over.
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import time
from typing import Any

import record
import torch

import kgtuner as kt
from kgtuner.experiment import DENSE_FROM, prepare

GRAPH = "wn18rr"
SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 0.95)
OPTIMIZERS = ("adagrad", "adam", "sgd")
WAYS = ("sparse", "dense")


def negatives_for(share: float, batch: int, n_entities: int) -> int:
    """Of each query, so that a batch is expected to touch this share of the entities."""
    return max(1, round(-math.log(1 - share) * n_entities / batch - 2))


def step_ms(
    graph: kt.KnowledgeGraph, optimizer: str, share: float, rounds: int, seconds: float
) -> dict[str, float]:
    """Milliseconds of a step, the median of rounds in which both ways take turns."""
    batch = max(32, min(512, graph.n_entities // 80))
    trainers = {}
    for way in WAYS:
        config = kt.TrialConfig.from_mapping(
            {
                "model": {"name": "complex", "dimension": 200},
                "loss": {"name": "cross_entropy"},
                "negatives": {
                    "name": "independent",
                    "num_negatives": negatives_for(share, batch, graph.n_entities),
                },
                "optimizer": {"name": optimizer, "learning_rate": 0.01, "row_updates": way},
                "training": {"mode": "negative_sampling", "batch_size": batch, "precision": "fp32"},
            }
        )
        trainers[way] = prepare(config, graph, device=torch.device("cpu"))[0]
        trainers[way].model.train()
    times: dict[str, list[float]] = {way: [] for way in WAYS}
    for number in range(rounds + 1):
        for way, trainer in trainers.items():
            steps, began = 0, time.process_time()
            while steps < 2 or time.process_time() - began < seconds:
                trainer.train_batch(trainer.batches.next())
                steps += 1
            if number:  # the first warms up
                times[way].append((time.process_time() - began) / steps)
    return {way: round(1e3 * statistics.median(own), 4) for way, own in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.5, help="of each round")
    parser.add_argument("--quick", action="store_true", help="the embedded graph, two shares, nothing kept")
    options = parser.parse_args()
    torch.set_num_threads(1)
    graph = kt.load_dataset("world" if options.quick else GRAPH)
    shares, rounds, seconds = (
        ((0.2, 0.8), 1, 0.01) if options.quick else (SHARES, options.rounds, options.seconds)
    )
    rows: list[dict[str, Any]] = []
    for optimizer in OPTIMIZERS:
        for share in shares:
            ms = step_ms(graph, optimizer, share, rounds, seconds)
            rows.append(
                {
                    "optimizer": optimizer,
                    "share": share,
                    **ms,
                    "dense_over_sparse": ms["dense"] / ms["sparse"],
                }
            )
            print(rows[-1], flush=True)
    if not options.quick:
        about = {"graph": GRAPH, "dense_from": DENSE_FROM, "rounds": rounds, "seconds_per_round": seconds}
        record.write("row_updates", {**about, "load_average": round(os.getloadavg()[0], 2), "rows": rows})


if __name__ == "__main__":
    main()
