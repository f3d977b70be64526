"""Does PyKEEN learn from an exported configuration what we learn from the original?

    python benchmarks/exchange.py            # every row; finished runs are kept and skipped
    python benchmarks/exchange.py --table    # the results as a Markdown table

Needs pykeen (pip install 'kgtuner[pykeen]'). Each configuration is trained here, exported with `--to pykeen`, and its
pipeline is run by PyKEEN for as many epochs, both with the same seeds. Nobody stops early and nobody picks a best
epoch: the figure is the filtered realistic MRR on test after the last. As a check of the other way across, our
trained model is loaded into PyKEEN and ranked there (`transferred_mrr`).

The verdict compares the two means with Welch's standard error of their difference: "agree" within two of them.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import tempfile
import warnings
from pathlib import Path
from typing import Any

import record

SEEDS = (0, 1, 2, 3, 4)
GRAPH = "nations"
EPOCHS = 40.0
ADAM = {"name": "adam", "learning_rate": 0.01}
OWN = {"inverse_relations": "independent"}
ROWS: dict[str, dict[str, Any]] = {
    "complex-kvsall": {  # starts as PyKEEN's xavier_normal does: sqrt(2 / width)
        "model": {
            "name": "complex",
            "dimension": 100,
            "initializer": "normal",
            "initializer_scale": 0.1414,
            **OWN,
        },
        "loss": "cross_entropy",
        "optimizer": ADAM,
        "training": {"mode": "k_vs_all"},
    },
    "complex-kvsall-n3": {
        "model": {"name": "complex", "dimension": 100, **OWN},
        "loss": "cross_entropy",
        "regularizer": {"name": "nuclear", "weight": 0.01, "over": "complex"},
        "optimizer": {"name": "adagrad", "learning_rate": 0.1},
        "training": {"mode": "k_vs_all"},
    },
    "distmult-1vsall": {
        "model": {"name": "distmult", "dimension": 50, "initializer": "normal", "initializer_scale": 0.1},
        "loss": "cross_entropy",
        "optimizer": ADAM,
        "training": {"mode": "one_vs_all"},
    },
    "tucker-kvsall": {
        "model": {
            "name": "tucker",
            "dimension": 32,
            "query_dropout": 0.2,
            **OWN,
            "initializer": "normal",
            "initializer_scale": 0.25,
        },
        "loss": "bce_sum",
        "optimizer": {"name": "adam", "learning_rate": 0.003},
        "training": {"mode": "k_vs_all"},
    },
    "transe-sampled": {
        "model": {
            "name": "transe",
            "dimension": 50,
            "margin": 6.0,
            **OWN,
            "initializer": "normal",
            "initializer_scale": 0.2,
        },
        "loss": {"name": "bce_adversarial", "adversarial_temperature": 1.0},
        "negatives": {"name": "independent", "num_negatives": 32},
        "optimizer": ADAM,
        "training": {"mode": "negative_sampling"},
    },
    "rotate-sampled": {
        "model": {
            "name": "rotate",
            "dimension": 50,
            "margin": 6.0,
            **OWN,
            "initializer": "normal",
            "initializer_scale": 0.2,
        },
        "loss": {"name": "bce_adversarial", "adversarial_temperature": 1.0},
        "negatives": {"name": "independent", "num_negatives": 32},
        "optimizer": ADAM,
        "training": {"mode": "negative_sampling"},
    },
}


def both(row: dict[str, Any], graph: str, epochs: float, seed: int) -> dict[str, Any]:
    """The test MRR here, that of our model in PyKEEN, and that of PyKEEN's own training."""
    import kgtuner as kt
    from kgtuner.config import TrialConfig
    from kgtuner.exchange.pykeen_load import evaluate
    from kgtuner.exchange.pykeen_run import run

    training = {
        "batch_size": 128,
        "max_epochs": epochs,
        "validate_every": 1_000_000,  # once, at the end
        "halve_learning_rate_after": None,
        "frequency_weights": False,
        **row["training"],
    }
    config = TrialConfig.from_mapping({**row, "training": training})
    with tempfile.TemporaryDirectory() as place, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        folder = Path(place)
        kt.train(graph, config, seed=seed, output=folder / "run", device="cpu")
        ours = kt.evaluate(folder / "run").overall.mrr
        exported = kt.export(folder / "run", to="pykeen", output=folder / "out")
        transferred = evaluate(folder / "out")["mrr"]
        theirs = run(folder / "out", stopper="nop", stopper_kwargs=None, use_tqdm=False, device="cpu")
    return {
        "kgtuner_mrr": round(ours, 5),
        "transferred_mrr": round(transferred, 5),
        "pykeen_mrr": round(theirs.get_metric("both.realistic.inverse_harmonic_mean_rank"), 5),
        "pykeen_epochs": len(theirs.losses),
        "not_converted": list(exported.not_converted),
    }


def verdict(ours: list[float], theirs: list[float]) -> dict[str, Any]:
    """Means, spreads over the seeds, and whether the means agree."""
    error = math.sqrt((statistics.variance(ours) + statistics.variance(theirs)) / len(ours))
    difference = statistics.mean(theirs) - statistics.mean(ours)
    return {
        "kgtuner": [round(statistics.mean(ours), 4), round(statistics.stdev(ours), 4)],
        "pykeen": [round(statistics.mean(theirs), 4), round(statistics.stdev(theirs), 4)],
        "difference": round(difference, 4),
        "standard_error": round(error, 4),
        "verdict": "agree" if abs(difference) <= 2 * error else "differ",
    }


def summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """A verdict for each row that has all of its seeds."""
    rows = {}
    for name in ROWS:
        mine = [r for r in runs if r["row"] == name]
        if len(mine) == len(SEEDS):
            rows[name] = verdict([r["kgtuner_mrr"] for r in mine], [r["pykeen_mrr"] for r in mine])
            rows[name]["largest_transfer_error"] = round(
                max(abs(r["transferred_mrr"] - r["kgtuner_mrr"]) for r in mine), 5
            )
    return rows


def table(rows: dict[str, Any]) -> str:
    lines = [
        "| configuration | KGTuner | PyKEEN | difference | 2 standard errors | |",
        "|---|---|---|---|---|---|",
    ]
    for name, row in rows.items():
        ours, theirs = (f"{row[k][0]:.4f} ± {row[k][1]:.4f}" for k in ("kgtuner", "pykeen"))
        limit = 2 * row["standard_error"]
        lines.append(
            f"| {name} | {ours} | {theirs} | {row['difference']:+.4f} | {limit:.4f} | {row['verdict']} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), default=list(ROWS))
    parser.add_argument("--table", action="store_true", help="print what was measured and stop")
    parser.add_argument("--quick", action="store_true", help="an epoch of world without PyKEEN, nothing kept")
    options = parser.parse_args()
    path = record.RESULTS / "exchange.json"
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"runs": []}
    if options.table:
        print(table(kept["verdicts"]))
        return
    import torch

    torch.set_num_threads(1)
    if options.quick:
        _quick()
        return
    from importlib.metadata import version

    runs = kept["runs"]
    for name in options.rows:
        for seed in SEEDS:
            if any(r["row"] == name and r["seed"] == seed for r in runs):
                continue
            figures = both(ROWS[name], GRAPH, EPOCHS, seed)
            runs.append({"row": name, "seed": seed, **figures})
            print(name, seed, {k: v for k, v in figures.items() if k.endswith("mrr")}, flush=True)
            about = {"graph": GRAPH, "epochs": EPOCHS, "pykeen": version("pykeen")}
            record.write("exchange", {**about, "verdicts": summary(runs), "runs": runs})


def _quick() -> None:
    """A short training is exported; what PyKEEN makes of it needs PyKEEN."""
    import kgtuner as kt
    from kgtuner.config import TrialConfig

    training = {"batch_size": 512, "max_steps": 5, "validate_every": 1000, "max_valid_triples": 100}
    config = TrialConfig.from_mapping({**ROWS["distmult-1vsall"], "training": training})
    with tempfile.TemporaryDirectory() as place:
        kt.train("world", config, output=Path(place) / "run", device="cpu")
        result = kt.export(Path(place) / "run", to="pykeen", output=Path(place) / "out")
        print(len(result.files), "files,", len(result.not_converted), "settings without a counterpart")


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
