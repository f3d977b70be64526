"""Which default configuration suits an unknown graph? Candidates for each model, with equal CPU time on several graphs.

    python benchmarks/defaults.py
    python benchmarks/defaults.py --models transe rotate --graphs codex-s
    python benchmarks/defaults.py --table

A candidate is a change of configs/default/MODEL.yaml as it was when the candidates were measured; BEFORE has what has
changed since. The clock is CPU time of one thread, validations too, so that a busy machine changes little. The figure
is the best filtered MRR on a sample of 1,000 validation triples; the test split has no part in it. One seed and a short
time: differences of a hundredth mean nothing. Finished runs are kept in the result file and skipped when the script is
called again.
"""

from __future__ import annotations

import argparse
import json
import time
from itertools import product
from typing import Any

import record
import torch

import kgtuner as kt
from kgtuner.defaults import SAMPLED
from kgtuner.experiment import run as train
from kgtuner.models import MODELS

SECONDS = {"umls": 10.0, "world": 20.0, "codex-s": 30.0}
LONG = {"fb15k-237": 60.0, "wn18rr": 60.0}  # for the question of negatives only
VALIDATIONS = 6
ADAM, ADAGRAD = {"optimizer.name": "adam"}, {"optimizer.name": "adagrad"}
BEFORE: dict[str, dict[str, Any]] = {
    "conve": {"model.dropout": 0.2, "model.hidden_dropout": 0.3},
}


def rates(optimizer: dict[str, Any], *values: float, **changes: Any) -> dict[str, dict[str, Any]]:
    """Candidates that differ in the learning rate."""
    named = {key.replace("__", "."): value for key, value in changes.items()}
    extra = "".join(f", {key.split('.')[-1]} {value}" for key, value in named.items())
    return {
        f"{optimizer['optimizer.name']} {value}{extra}": {
            **optimizer,
            "optimizer.learning_rate": value,
            **named,
        }
        for value in values
    }


CANDIDATES: dict[str, dict[str, dict[str, Any]]] = {
    "complex": {f"nuclear {weight}": {"regularizer.weight": weight} for weight in (0.05, 0.02, 0.01, 0.005)},
    "transe": {
        **rates(ADAM, 0.001, 0.003, 0.01),
        **rates(ADAM, 0.003, loss__name="cross_entropy"),
        **rates(ADAGRAD, 0.1),
    },
    "rotate": {
        **rates(ADAM, 0.001, 0.003, 0.01),
        **rates(ADAM, 0.003, loss__name="cross_entropy"),
        **rates(ADAGRAD, 0.1),
    },
    "conve": {
        **rates(ADAM, 0.001, 0.003),
        **rates(ADAM, 0.003, model__dropout=0.1, model__hidden_dropout=0.2),
        **rates(ADAM, 0.001, training__batch_size=256),
    },
    "tucker": {
        **rates(ADAM, 0.001, 0.003, 0.01),
        **rates(ADAM, 0.003, model__query_dropout=0.1),
        **rates(ADAM, 0.003, training__batch_size=256),
    },
    "rescal": {
        **rates(ADAM, 0.001, 0.003),
        **rates(ADAGRAD, 0.1),
        **rates(ADAGRAD, 0.1, regularizer__weight=0.05),
        **rates(ADAM, 0.003, regularizer__weight=0.05),
    },
}


NEGATIVES: dict[str, dict[str, Any]] = {"all entities": {}, "shared negatives": dict(SAMPLED)}
"""For the models whose default scores all entities: where does that stop being worth it?"""


def measured(
    graph: kt.KnowledgeGraph, model: str, changes: dict[str, Any], seconds: float
) -> dict[str, float]:
    """One training of so many CPU seconds."""
    config = kt.default_config(model).updated(changes)
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


def table(runs: list[dict[str, Any]]) -> str:
    """Markdown: a row a candidate, a column a graph."""
    graphs = [name for name in (*SECONDS, *LONG) if any(run["graph"] == name for run in runs)]
    found = {(run["model"], run["candidate"], run["graph"]): run["valid_mrr"] for run in runs}
    lines = [f"| model | candidate | {' | '.join(graphs)} |", "|---" * (2 + len(graphs)) + "|"]
    for model, candidate in dict.fromkeys((run["model"], run["candidate"]) for run in runs):
        cells = [
            f"{found[model, candidate, g]:.3f}" if (model, candidate, g) in found else "" for g in graphs
        ]
        lines.append(f"| {model} | {candidate} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", nargs="+", choices=list(MODELS), default=list(MODELS))
    parser.add_argument("--graphs", nargs="+", choices=[*SECONDS, *LONG], default=[*SECONDS, *LONG])
    parser.add_argument("--table", action="store_true", help="print what is there and stop")
    parser.add_argument("--quick", action="store_true", help="one second of world, nothing kept")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.quick:
        print(measured(kt.load_dataset("world"), "complex", CANDIDATES["complex"]["nuclear 0.02"], 1.0))
        return
    path = record.RESULTS / "defaults.json"
    seconds = SECONDS | LONG
    runs = json.loads(path.read_text(encoding="utf-8"))["runs"] if path.exists() else []
    if options.table:
        print(table(runs))
        return
    for model, name in product(options.models, options.graphs):
        named = CANDIDATES.get(model, {}) if name in SECONDS else {}
        candidates = {candidate: BEFORE.get(model, {}) | changes for candidate, changes in named.items()}
        if kt.default_config(model).training.mode != "negative_sampling":
            candidates = NEGATIVES | candidates
        graph = kt.load_dataset(name)
        for candidate, changes in candidates.items():
            what = {"graph": name, "model": model, "candidate": candidate}
            if any(what.items() <= run.items() for run in runs):
                continue
            runs.append({**what, **measured(graph, model, changes, seconds[name])})
            record.write("defaults", {"clock": "CPU time of one thread", "runs": runs})
            print(*what.values(), runs[-1]["valid_mrr"], flush=True)


if __name__ == "__main__":
    main()
