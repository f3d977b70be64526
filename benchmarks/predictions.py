"""How fast are many questions answered, can the probabilities be trusted, and how well are triples classified?

    python benchmarks/predictions.py
    python benchmarks/predictions.py --speed    # that again, beside the other figures as they were
    python benchmarks/predictions.py --runs runs/predictions --figure docs/figures/reliability.svg

Speed: 100,000 different questions (heads and tails) on WN18RR in a CSV, the ten best new answers to each into a file,
known ones left out, one thread. The clock runs from reading the questions to the written file, indexing the known
answers included; loading the model is not. Processor time stands beside it, for machines that are busy otherwise.
What the numbers in the model are makes no difference, so it is the default ComplEx (200 numbers a row) at its initial
values.

Probabilities and classification: ComplEx trained on CoDEx-S with its default configuration, seed 0, one thread. The
training in --runs goes on where it stopped, and is used again when it has ended. Probabilities are judged on
validation triples that their curve has not seen, and once more on the test triples and their corruptions.
Classification is judged on the test triples and CoDEx's verified negatives, with thresholds from the validation
triples and CoDEx's negatives for those, or from corruptions alone. The published figures are those of
https://github.com/tsafavi/codex (Safavi and Koutra, 2020), of models tuned for classification and, as its
scripts/tc.py does it, one logistic curve for all relations.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import record
import torch

import kgtuner as kt
from kgtuner.graph.catalog import dataset_card, find_dataset
from kgtuner.parts import build_model
from kgtuner.prediction import ClassificationMetrics, LinkPredictor
from kgtuner.prediction.calibration import balanced, examples_of
from kgtuner.prediction.curves import sigmoid
from kgtuner.prediction.reliability import Reliability, reliability
from kgtuner.prediction.scoring import score_both_ways
from kgtuner.prediction.thresholds import Thresholds, best_threshold
from kgtuner.prediction.triple_files import read_triples

QUESTIONS = 100_000
PUBLISHED = {  # CoDEx-S, test: accuracy, F1
    "RESCAL": (0.843, 0.852),
    "TransE": (0.829, 0.837),
    "ComplEx": (0.836, 0.846),
    "ConvE": (0.841, 0.846),
    "TuckER": (0.840, 0.846),
}


def ask_many(graph: kt.KnowledgeGraph, n: int, folder: Path) -> list[dict[str, Any]]:
    """Time and memory of n questions, into each kind of file."""
    model = build_model(kt.default_config("complex").model, graph.n_entities, graph.n_relations)
    model.initialize(torch.Generator().manual_seed(0))
    questions = folder / "questions.csv"
    n = write_questions(graph, n, questions)
    rows = []
    for ending in (".parquet", ".csv"):
        predictor = LinkPredictor(model, kt.KnowledgeGraph(*graph.__reduce__()[1]))  # nothing indexed yet
        wall, cpu = time.perf_counter(), time.process_time()
        counts = predictor.predict_file(questions, folder / f"answers{ending}", k=10)
        rows.append(
            {
                "graph": graph.name,
                "model": "complex",
                "numbers_a_row": model.dimension,
                "output": ending,
                "k": 10,
                **counts,
                "seconds": round(time.perf_counter() - wall, 1),
                "cpu_seconds": round(time.process_time() - cpu, 1),
                "load_average": round(os.getloadavg()[0], 1),
                "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
            }
        )
        print(rows[-1], flush=True)
        assert counts["questions"] == n
    return rows


def write_questions(graph: kt.KnowledgeGraph, n: int, path: Path) -> int:
    """At most n different questions (h, r, ?) and (?, r, t) that triples of the graph answer, shuffled."""
    triples = np.concatenate([graph.train, graph.valid, graph.test])
    tails = [(h, r, -1) for h, r in np.unique(triples[:, :2], axis=0).tolist()]
    heads = [(-1, r, t) for r, t in np.unique(triples[:, 1:], axis=0).tolist()]
    both = [*tails, *heads]
    chosen = np.random.default_rng(0).permutation(len(both))[:n]
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(("head", "relation", "tail"))
        for i in chosen.tolist():
            h, r, t = both[i]
            table.writerow(
                (graph.entities[h] if h >= 0 else "", graph.relations[r], graph.entities[t] if t >= 0 else "")
            )
    return len(chosen)


def trust(predictor: LinkPredictor) -> dict[str, Any]:
    """Calibration errors and Brier scores before and after, on held-out validation triples and on test triples."""
    calibration = predictor.calibration
    test = examples_of(predictor.model, predictor.graph, predictor.graph.test, seed=1)
    weight = balanced(test.true)
    probability = calibration.probabilities(test.relation, test.score)
    return {
        "method": calibration.method,
        "relations_with_their_own_curve": len(calibration.own),
        "validation_triples": calibration.validation_triples,
        "corruptions": calibration.corruptions,
        "held_out_validation": {
            "sigmoid_of_the_score": short(calibration.before),
            **{method: short(figure) for method, figure in calibration.after.items()},
        },
        "test": {
            "sigmoid_of_the_score": short(reliability(sigmoid(test.score), test.true, weight)),
            calibration.method: short(reliability(probability, test.true, weight)),
        },
    }


def short(figure: Reliability) -> dict[str, float]:
    return {"calibration_error": round(figure.calibration_error, 4), "brier": round(figure.brier, 4)}


def classified(predictor: LinkPredictor) -> dict[str, Any]:
    """Accuracy and F1 on CoDEx's verified negatives."""
    folder = find_dataset(dataset_card("codex-s"))
    if folder is None or not (folder / "test_negatives.txt").is_file():
        raise SystemExit("CoDEx-S with its negatives is needed in $KGTUNER_DATA/codex-s")
    false, valid_false = folder / "test_negatives.txt", folder / "valid_negatives.txt"
    graph = predictor.graph

    def scored(true: Any, path: Path) -> tuple[Any, Any, Any]:
        ids = np.concatenate([true, read_triples(path, graph)])
        return ids[:, 1], score_both_ways(predictor.model, *ids.T), np.arange(len(ids)) < len(true)

    relation, score, true = scored(graph.test, false)
    _, valid_score, valid_true = scored(graph.valid, valid_false)
    one = Thresholds(best_threshold(valid_score, valid_true, balanced=False), {})
    rows = {
        "thresholds from verified negatives": predictor.classification_metrics(false, "test", valid_false),
        "one threshold from verified negatives": ClassificationMetrics.of(score >= one.of(relation), true),
        "thresholds from corruptions": predictor.classification_metrics(false, "test"),
    }
    probability = predictor.calibration.probabilities(relation, score)
    judged = reliability(probability, true, np.ones(len(true)))
    for name, metrics in rows.items():
        print(name, round(metrics.accuracy, 4), round(metrics.f1, 4), flush=True)
    return {
        **{name: metrics.to_mapping() for name, metrics in rows.items()},
        "probabilities_against_verified_negatives": short(judged),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=Path, help="where the training is kept (default: nowhere)")
    parser.add_argument("--figure", type=Path, help="where the reliability figure goes, .svg or .png")
    parser.add_argument(
        "--speed", action="store_true", help="measure the speed again and keep the other figures"
    )
    parser.add_argument("--quick", action="store_true", help="200 questions on world, nothing kept")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        if options.quick:
            ask_many(kt.load_dataset("world"), 200, Path(temporary))
            return
        speed = ask_many(kt.load_dataset("wn18rr"), QUESTIONS, Path(temporary))
        if options.speed:
            kept = json.loads((record.RESULTS / "predictions.json").read_text(encoding="utf-8"))
            print(record.write("predictions", {**kept, "speed": speed, "speed_source": record.source()}))
            return
        output = (options.runs or Path(temporary)) / "codex-s"
        trained = kt.train("codex-s", model="complex", seed=0, threads=1, output=output)
        report = trained.report
        test = kt.evaluate(trained).overall
        calibration, classification = trust(trained.model), classified(trained.model)
        if options.figure is not None:
            from kgtuner.report.reliability_figure import save_reliability

            save_reliability(trained.model.calibration, options.figure)
    figures = {
        "threads": 1,
        "speed": speed,
        "codex-s": {
            "model": "complex, default configuration",
            "training_seconds": round(report["seconds"], 1),
            "steps": report["steps"],
            "test_mrr": round(test.mrr, 4),
            "calibration": calibration,
            "classification": classification,
            "published_accuracy_and_f1": {name: list(pair) for name, pair in PUBLISHED.items()},
            "published_source": "https://github.com/tsafavi/codex, Safavi and Koutra (2020)",
        },
    }
    print(record.write("predictions", figures))


if __name__ == "__main__":
    main()
