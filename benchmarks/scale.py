"""Graphs of the size of ogbl-wikikg2 and ogbl-biokg on one machine: time and memory of every part of the way.

    python benchmarks/scale.py                          # what is missing in results/scale.json, piece by piece
    python benchmarks/scale.py --only train --again
    python benchmarks/scale.py --graphs wikikg2-0.0625  # the smallest one

The data sets themselves cannot be had without the network, so graphs of their size are made
(`generators/ogb_layout.py`): the same counts of entities, relations, triples and given false answers, in OGB's files.
Each piece runs in a process of its own, so that its peak of memory is its own; what is mapped from files counts too.
On a machine that others use, the time of the processor says more than the clock, so both are kept. Pieces:

- convert: from OGB's files to our binary form; nothing of it is there before
- load: a later start, from the binary form
- index: the known answers of all splits
- walk: multi-start random walk to 20% of the entities, with the subgraph, its split and its false answers
- train: ComplEx 100 reals, batch 1,024, 128 shared negatives, Adagrad that touches single rows; WN18RR takes turns
- fetch: the same steps with tables on the host, in turns with tables where the gradient is made. Both are the CPU here,
  so it is what the host does beside a GPU, with the GPU's work added and no way between them
- rank: 20,000 validation triples among their given answers, both directions
- tune: two stages; killed (SIGKILL) on the way and taken up again by --resume
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import record
from generators import ogb_layout

T = TypeVar("T")

GRAPHS = {
    "wikikg2-0.0625": ("ogbl-wikikg2", 1 / 16),
    "wikikg2-0.25": ("ogbl-wikikg2", 1 / 4),
    "wikikg2-1": ("ogbl-wikikg2", 1.0),
    "biokg-1": ("ogbl-biokg", 1.0),
}
PIECES = ("convert", "load", "index", "walk", "train", "fetch", "rank", "tune")
TUNING = {
    "wikikg2-0.25": 420,
    "wikikg2-1": 1800,
    "biokg-1": 300,
}  # seconds of budget, unless --budget says otherwise
KILLED_AT = 0.3  # of the budget
RANKED = 20_000
SETTINGS = {
    "model.dimension": 100,
    "training.mode": "negative_sampling",
    "training.batch_size": 1024,
    "negatives.name": "shared",
    "negatives.num_negatives": 128,
    "optimizer.name": "adagrad",
    "optimizer.learning_rate": 0.1,
    "optimizer.row_updates": "sparse",
}


def folder_of(graph: str, place: Path) -> Path:
    """The OGB folder of a graph, made where it is not there."""
    name, share = GRAPHS[graph]
    return ogb_layout.write_by_piece(place / graph, ogb_layout.SHAPES[name].scaled(share))


def convert(graph: str, place: Path) -> dict[str, Any]:
    from kgtuner.graph.catalog import cache_folder

    folder = folder_of(graph, place)
    for copy in (cache_folder() / "binary").glob(f"{GRAPHS[graph][0].replace('-', '[-_]')}-*"):
        shutil.rmtree(copy)
    _, took = clocked(lambda: loaded(graph, place))
    size = sum(file.stat().st_size for file in folder.rglob("*.pt"))
    return {**took, "source_gb": size / 1e9}


def clocked(work: Callable[[], T]) -> tuple[T, dict[str, float]]:
    """What it gives, and what it took of the clock and of the processor."""
    wall, own = time.perf_counter(), time.process_time()
    made = work()
    return made, {"seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - own}


def loaded(graph: str, place: Path) -> Any:
    """By its name where it is as large as the data set, which also checks the counts of the card."""
    from kgtuner.graph.catalog import resolve_graph

    folder = folder_of(graph, place)
    name, share = GRAPHS[graph]
    os.environ["KGTUNER_DATA"] = str(folder.parent)
    return resolve_graph(name if share == 1 else str(folder))


def load(graph: str, place: Path) -> dict[str, Any]:
    found, took = clocked(lambda: loaded(graph, place))
    return {**took, "entities": found.n_entities, "train_triples": len(found.train)}


def index(graph: str, place: Path) -> dict[str, Any]:
    found = loaded(graph, place)
    before = peak_gb()
    known, took = clocked(found.known_answers)
    size = known.keys.nbytes + known.offsets.nbytes + known.answers.nbytes
    sizes = {"index_gb": size / 1e9, "peak_gb_above_loading": peak_gb() - before}
    return {**took, **sizes, "queries": known.n_queries, "answers": known.n_answers}


def walk(graph: str, place: Path) -> dict[str, Any]:
    import kgtuner as kt

    found = loaded(graph, place)
    made, took = clocked(lambda: kt.sample_subgraph(found, ratio=0.2, starts=10, seed=0))
    sample = made.graph
    splits = {split: len(sample.split(split)) for split in ("train", "valid", "test")}
    return {**took, "entities": sample.n_entities, **splits}


def train(graph: str, place: Path) -> dict[str, Any]:
    """Blocks of steps of both graphs take turns; queries a second are medians of the blocks."""
    import torch

    import kgtuner as kt
    from kgtuner.experiment import prepare

    torch.set_num_threads(1)
    wn18rr = kt.load_dataset("wn18rr")
    found = loaded(graph, place)
    config = kt.default_config("complex").updated(SETTINGS)
    (trainer, _), preparation = clocked(lambda: prepare(config, found))
    both = in_turns({"graph": trainer, "wn18rr": prepare(config, wn18rr)[0]})
    return {
        "queries_per_second": 1 / both["graph"]["seconds"],
        "wn18rr_queries_per_second": 1 / both["wn18rr"]["seconds"],
        "ratio_to_wn18rr": both["wn18rr"]["seconds"] / both["graph"]["seconds"],
        "cpu_ratio_to_wn18rr": both["wn18rr"]["cpu_seconds"] / both["graph"]["cpu_seconds"],
        "cpu_microseconds_per_query": 1e6 * both["graph"]["cpu_seconds"],
        "prepare_seconds": preparation["seconds"],
        "prepare_cpu_seconds": preparation["cpu_seconds"],
    }


def fetch(graph: str, place: Path) -> dict[str, Any]:
    import torch

    import kgtuner as kt
    from kgtuner.experiment import prepare
    from kgtuner.tuning.memory_plan import memory_plan, size_of

    torch.set_num_threads(1)
    found = loaded(graph, place)
    config = kt.default_config("complex").updated(SETTINGS)
    on_host = config.limited(tables_on="host")
    both = in_turns({"host": prepare(on_host, found)[0], "device": prepare(config, found)[0]})
    return {
        "queries_per_second": 1 / both["host"]["seconds"],
        "ratio_to_tables_on_the_device": both["device"]["seconds"] / both["host"]["seconds"],
        "cpu_microseconds_per_query": 1e6 * both["host"]["cpu_seconds"],
        "planned_device_mb": memory_plan(on_host, size_of(found)).fetched / 1e6,
        "planned_total_gb": memory_plan(config, size_of(found)).total / 1e9,
    }


def in_turns(trainers: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Seconds a query, and of the processor: medians of blocks of steps, which take turns."""
    from kgtuner.training.allocation import keeping_freed_memory

    blocks: dict[str, list[dict[str, float]]] = {name: [] for name in trainers}
    with keeping_freed_memory():
        for turn in range(16):
            for name, trainer in trainers.items():
                trainer.model.train()
                queries, took = clocked(partial(steps, trainer, 20))
                if turn:
                    blocks[name].append({key: value / queries for key, value in took.items()})
    return {
        name: {key: statistics.median(block[key] for block in each) for key in each[0]}
        for name, each in blocks.items()
    }


def steps(trainer: Any, count: int) -> int:
    """Make so many steps; returns their queries."""
    queries = 0
    for _ in range(count):
        batch = trainer.batches.next()
        trainer.train_batch(batch)
        queries += len(batch)
    return queries


def rank(graph: str, place: Path) -> dict[str, Any]:
    import torch

    import kgtuner as kt
    from kgtuner.evaluation.evaluator import metrics_of_rows, validation_rows
    from kgtuner.parts import build_model
    from kgtuner.training.allocation import keeping_freed_memory

    torch.set_num_threads(1)
    found = loaded(graph, place)
    config = kt.default_config("complex").updated(SETTINGS)
    model = build_model(config.model, found.n_entities, found.n_relations)
    model.initialize(torch.Generator().manual_seed(0))
    model.eval()
    rows = validation_rows(found, RANKED, 0)
    with keeping_freed_memory():
        took = [clocked(lambda: metrics_of_rows(model, found, rows))[1] for _ in range(3)]
    median = {key: statistics.median(each[key] for each in took) for key in took[0]}
    return {**median, "first": took[0]["seconds"], "triples": len(rows)}


def tune(graph: str, place: Path, budget: float) -> dict[str, Any]:
    """The command line, killed once and taken up again."""
    folder = folder_of(graph, place)
    name = GRAPHS[graph][0] if GRAPHS[graph][1] == 1 else str(folder)
    run = place / f"run-{graph}"
    shutil.rmtree(run, ignore_errors=True)
    environment = {**os.environ, "KGTUNER_DATA": str(folder.parent)}
    command = [sys.executable, "-m", "kgtuner.cli.main", "tune"]
    started = time.perf_counter()
    first = subprocess.Popen(
        [*command, name, "--model", "complex", "--budget", f"{budget:.0f}s", "--output", str(run)],
        env=environment,
        stdout=subprocess.DEVNULL,
    )
    while first.poll() is None and used(run) < KILLED_AT * budget:
        time.sleep(1)
    first.send_signal(signal.SIGKILL)
    first.wait()
    before = used(run)
    subprocess.run([*command, "--resume", str(run)], env=environment, stdout=subprocess.DEVNULL, check=True)
    wall = time.perf_counter() - started
    results = json.loads((run / "results.json").read_text(encoding="utf-8"))
    has_model = (run / "best.safetensors").exists()
    shutil.rmtree(run)
    return {
        "budget_seconds": budget,
        "seconds": results["seconds"],
        "wall_with_restart": wall,
        "killed_at": before,
        "stages": results["stages"],
        "valid_mrr": results["valid"]["mrr"],
        "test_mrr": None if results["test"] is None else results["test"]["mrr"],
        "default_test_mrr": None if results["default_test"] is None else results["default_test"]["mrr"],
        "trial_peak_mb": results["peak_rss_mb"],
        "model": has_model,
        "best_config": results["best_config"],
    }


def used(run: Path) -> float:
    """Seconds of its budget that a run has used, 0 before it says so."""
    try:
        return float(json.loads((run / "state.json").read_text(encoding="utf-8"))["elapsed"])
    except (OSError, ValueError):
        return 0.0


def peak_gb() -> float:
    """The largest resident memory of this process so far, what is mapped from files included."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def measured(piece: str, graph: str, place: Path, budget: float | None) -> dict[str, Any]:
    """One piece in this process."""
    if piece == "tune":
        found = tune(graph, place, budget or TUNING[graph])
    else:
        found = globals()[piece](graph, place)
    rounded = {k: float(f"{v:.4g}") if isinstance(v, float) else v for k, v in found.items()}
    rounded |= {} if piece == "tune" else {"peak_gb": round(peak_gb(), 2)}
    return {"graph": graph, "piece": piece, **rounded, "load_average": round(os.getloadavg()[0], 1)}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--graphs", nargs="+", choices=list(GRAPHS), default=list(GRAPHS))
    parser.add_argument("--only", nargs="+", choices=PIECES, default=list(PIECES))
    parser.add_argument(
        "--place", type=Path, default=Path("/tmp/kgtuner-scale"), help="for 20 GB of made-up data"
    )
    parser.add_argument("--budget", type=float, help="seconds of the tuning")
    parser.add_argument("--again", action="store_true", help="measure again what is already there")
    parser.add_argument("--quick", action="store_true", help="a thousandth of wikikg2, nothing kept")
    parser.add_argument(
        "--here", action="store_true", help="one piece in this process, its figures on stdout"
    )
    options = parser.parse_args()
    if options.quick:
        GRAPHS["quick"] = ("ogbl-wikikg2", 0.002)
        with tempfile.TemporaryDirectory() as place:
            os.environ["KGTUNER_CACHE"] = str(Path(place, "cache"))
            for piece in ("convert", "load", "index", "walk", "fetch", "rank"):
                print(json.dumps(measured(piece, "quick", Path(place), None)), flush=True)
        return
    os.environ.setdefault("KGTUNER_CACHE", str(options.place / "cache"))
    if options.here:
        print(json.dumps(measured(options.only[0], options.graphs[0], options.place, options.budget)))
        return
    for graph in options.graphs:
        for piece in options.only:
            known = any((row["graph"], row["piece"]) == (graph, piece) for row in rows_so_far())
            if (known and not options.again) or (piece == "tune" and graph not in TUNING):
                continue
            folder_of(graph, options.place)
            command = [sys.executable, __file__, "--here", "--graphs", graph, "--only", piece]
            command += ["--place", str(options.place)]
            command += [] if options.budget is None else ["--budget", str(options.budget)]
            made = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            row = json.loads(made.stdout.splitlines()[-1])
            print(json.dumps(row), flush=True)
            others = [o for o in rows_so_far() if (o["graph"], o["piece"]) != (graph, piece)]
            record.write("scale", {"rows": [*others, row]})


def rows_so_far() -> list[dict[str, Any]]:
    path = record.RESULTS / "scale.json"
    found: list[dict[str, Any]] = (
        json.loads(path.read_text(encoding="utf-8"))["rows"] if path.exists() else []
    )
    return found


if __name__ == "__main__":
    main()
