"""Which regularisation suits a default configuration of an unknown graph? Equal CPU time on five graphs.

    python benchmarks/defaults.py

ComplEx with its default configuration and four weights of N3. The clock is CPU time of one thread, validations too,
so that a busy machine changes little. The figure is the best filtered MRR on a sample of 1,000 validation triples; the
test split has no part in it. One seed and a short time: differences of a hundredth mean nothing. Finished runs are
kept in the result file and skipped when the script is called again.
"""

from __future__ import annotations

import argparse
import json
import time

import record
import torch

import kgtuner as kt
from kgtuner.experiment import run as train

SECONDS = {"umls": 8.0, "world": 15.0, "codex-s": 20.0, "fb15k-237": 110.0, "wn18rr": 110.0}
WEIGHTS = (0.05, 0.02, 0.01, 0.005)
VALIDATIONS = 6


def measured(graph: kt.KnowledgeGraph, weight: float, seconds: float) -> dict[str, float]:
    """One training of so many CPU seconds."""
    config = kt.default_config("complex").updated({"regularizer.weight": weight})
    limited = config.limited(
        max_seconds=seconds,
        validate_every_seconds=seconds / VALIDATIONS,
        patience=100,
        max_valid_triples=1_000,
    )
    result = train(limited, graph, device="cpu", clock=time.process_time)
    return {
        "valid_mrr": round(result.best, 4),
        "epochs": round(result.queries / 2 / len(graph.train), 1),
        "cpu_seconds": round(result.seconds, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--graphs", nargs="+", choices=list(SECONDS), default=list(SECONDS))
    parser.add_argument("--quick", action="store_true", help="one second of world, nothing kept")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.quick:
        print(measured(kt.load_dataset("world"), WEIGHTS[0], 1.0))
        return
    path = record.RESULTS / "defaults.json"
    runs = json.loads(path.read_text(encoding="utf-8"))["runs"] if path.exists() else []
    for name in options.graphs:
        graph = kt.load_dataset(name)
        for weight in WEIGHTS:
            if any(run["graph"] == name and run["weight"] == weight for run in runs):
                continue
            figures = measured(graph, weight, SECONDS[name])
            runs.append({"graph": name, "weight": weight, **figures})
            record.write("defaults", {"clock": "CPU time of one thread", "runs": runs})
            print(name, weight, figures, flush=True)


if __name__ == "__main__":
    main()
