"""Should a trial start from the embeddings of an earlier one? Which start tells better what a long training will give?

    python benchmarks/reuse.py

A parent is trained; its children differ from it a little in learning rate, regularisation and dropout, as neighbours
in the search do. Each child is trained three times: for a short slot from new values, for a short slot from the
parent's parameters, and for four slots from new values, which is the truth. The question is not which short training
ends higher (the one with a parent has had its time as well), but whose order of the children agrees with the truth:
the rank correlation of the two, and the truth of the child that is ranked first. The clock is CPU time of one thread;
figures are filtered MRR on a sample of 1,000 validation triples. Finished graphs and seeds are kept in the result
file and skipped when the script is called again.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

import numpy as np
import record
import torch
from scipy.stats import spearmanr

import kgtuner as kt
from kgtuner.config import TrialConfig
from kgtuner.evaluation.evaluator import validation_metrics, validation_sample
from kgtuner.experiment import prepare
from kgtuner.models import Model
from kgtuner.training.allocation import keeping_freed_memory

SLOT = {"umls": 3.0, "world": 6.0, "codex-s": 8.0}  # CPU seconds
CHILDREN = 8
LONG = 4  # slots
SEEDS = (0, 1)


def children(parent: TrialConfig, seed: int) -> list[TrialConfig]:
    """Configurations near the parent's."""
    rng = np.random.default_rng(seed)
    flat = parent.flat()
    return [
        parent.updated(
            {
                "optimizer.learning_rate": float(flat["optimizer.learning_rate"]) * 10 ** rng.normal(0, 0.4),
                "regularizer.weight": float(flat["regularizer.weight"]) * 10 ** rng.normal(0, 0.6),
                "model.dropout": float(rng.uniform(0, 0.4)),
            }
        )
        for _ in range(CHILDREN)
    ]


def trained(
    config: TrialConfig, graph: kt.KnowledgeGraph, seed: int, seconds: float, start: Model | None = None
) -> tuple[float, Model]:
    """The best validation of a training and its model, from new values or from those of `start`."""
    limited = config.limited(max_seconds=seconds, validate_every_seconds=seconds / 4, patience=100)
    with torch.random.fork_rng(), keeping_freed_memory():
        torch.manual_seed(seed)
        trainer, _ = prepare(
            limited,
            graph,
            seed=seed,
            device=torch.device("cpu"),
            checkpoint=None,
            clock=time.process_time,
            final_validations=0.0,
        )
        if start is not None:
            trainer.model.load_state_dict(start.state_dict())
        sample = validation_sample(graph, 1_000, 0)
        outcome = trainer.run(lambda: validation_metrics(trainer.model, graph, sample).mrr)
    return outcome.best_metric, trainer.model


def measured(name: str, seed: int, slot: float, n: int = CHILDREN) -> dict[str, Any]:
    """All trainings of one graph and seed."""
    graph = kt.load_dataset(name)
    parent = kt.default_config("complex").updated({"model.dimension": 100})
    reached, model = trained(parent, graph, seed, slot)
    scratch, reuse, truth = [], [], []
    for child in children(parent, seed)[:n]:
        scratch.append(trained(child, graph, seed, slot)[0])
        reuse.append(trained(child, graph, seed, slot, model)[0])
        truth.append(trained(child, graph, seed, LONG * slot)[0])
    arms = {}
    for arm, short in (("new values", scratch), ("the parent's", reuse)):
        arms[arm] = {
            "short": [round(v, 4) for v in short],
            "spearman": round(float(spearmanr(short, truth).statistic), 3),
            "truth_of_its_first": round(truth[int(np.argmax(short))], 4),
        }
    return {
        "graph": name,
        "seed": seed,
        "slot_seconds": slot,
        "parent": round(reached, 4),
        "truth": [round(v, 4) for v in truth],
        "best_truth": round(max(truth), 4),
        "arms": arms,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--graphs", nargs="+", choices=list(SLOT), default=list(SLOT))
    parser.add_argument(
        "--quick", action="store_true", help="two children of world, a moment each, nothing kept"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.quick:
        print(measured("world", 0, 0.2, 2)["arms"])
        return
    path = record.RESULTS / "reuse.json"
    runs = json.loads(path.read_text(encoding="utf-8"))["runs"] if path.exists() else []
    for name in options.graphs:
        for seed in SEEDS:
            if any(run["graph"] == name and run["seed"] == seed for run in runs):
                continue
            runs.append(measured(name, seed, SLOT[name]))
            record.write("reuse", {"clock": "CPU time of one thread", "runs": runs})
            arms = {arm: (f["spearman"], f["truth_of_its_first"]) for arm, f in runs[-1]["arms"].items()}
            print(name, seed, "best", runs[-1]["best_truth"], arms, flush=True)


if __name__ == "__main__":
    main()
