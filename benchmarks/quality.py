"""What do bfloat16 matmuls and shared negatives do to quality? The same number of epochs, three seeds.

    python benchmarks/quality.py

Two questions, each answered by pairs of trainings that differ in one setting only: `precision` (1vsAll, bf16 against
fp32) and `negatives` (128 shared by a batch against 128 of each query's own). Runs end after a number of epochs, so a
busy machine changes no figure. The figure is the filtered MRR on all validation triples at the best validation.
Finished runs are kept in the result file and skipped when the script is called again.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

import record
import torch

import kgtuner as kt
from kgtuner.config import TrialConfig
from kgtuner.experiment import run as train

SEEDS = (0, 1, 2)
EPOCHS = {"umls": 40.0, "codex-s": 12.0, "world": 6.0}
SAMPLED = {"training.mode": "negative_sampling", "negatives.num_negatives": 128}
PAIRS: dict[str, dict[str, Any]] = {
    "precision": {
        "models": ("complex", "distmult", "rescal"),
        "graphs": ("codex-s", "world"),
        "arms": {"bf16": {"training.precision": "bf16"}, "fp32": {"training.precision": "fp32"}},
    },
    "negatives": {
        "models": ("complex",),
        "graphs": ("umls", "codex-s", "world"),
        "arms": {
            "shared": {**SAMPLED, "negatives.name": "shared"},
            "independent": {**SAMPLED, "negatives.name": "independent"},
        },
    },
}


def configured(model: str, changes: dict[str, Any], epochs: float, train_triples: int) -> TrialConfig:
    """The default configuration with a setting changed, validated four times on the way."""
    config = kt.default_config(model).updated(
        {"training.mode": "one_vs_all", "model.dimension": 100, **changes}
    )
    steps = max(1, round(epochs * 2 * train_triples / config.training.batch_size))
    return config.limited(max_epochs=epochs, validate_every=max(1, steps // 4), patience=100)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--questions", nargs="+", choices=list(PAIRS), default=list(PAIRS))
    parser.add_argument("--quick", action="store_true", help="a twentieth of an epoch of world, nothing kept")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.quick:
        graph = kt.load_dataset("world")
        config = configured("complex", {"training.precision": "auto"}, 0.05, len(graph.train))
        print(train(config, graph, device="cpu").valid.mrr)
        return
    path = record.RESULTS / "quality.json"
    runs = json.loads(path.read_text(encoding="utf-8"))["runs"] if path.exists() else []
    for question in options.questions:
        pair = PAIRS[question]
        for name in pair["graphs"]:
            graph = kt.load_dataset(name)
            for model in pair["models"]:
                for seed in SEEDS:
                    for arm, changes in pair["arms"].items():
                        what = {"question": question, "graph": name, "model": model, "seed": seed, "arm": arm}
                        if any(all(r[key] == value for key, value in what.items()) for r in runs):
                            continue
                        config = configured(model, changes, EPOCHS[name], len(graph.train))
                        result = train(config, graph, seed=seed, device="cpu")
                        runs.append({**what, "epochs": EPOCHS[name], "valid_mrr": round(result.valid.mrr, 5)})
                        record.write("quality", {"runs": runs})
                        print(question, name, model, seed, arm, runs[-1]["valid_mrr"], flush=True)


if __name__ == "__main__":
    main()
