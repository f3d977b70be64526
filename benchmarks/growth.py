"""Does a query cost more on a larger graph? 10%, 20%, 50% and 100% of the entities of WN18RR and FB15k-237.

    python benchmarks/growth.py                    # both graphs; what is finished is kept and skipped
    python benchmarks/growth.py --graphs wn18rr --again

Three kinds of work, ComplEx with 200 reals, batches of 512, one thread:

- `shared`: training against 128 negatives that a batch shares, per query. A query touches as many rows whatever the
  graph, so this should be flat.
- `1vsall`: training against all entities, per query and entity: a query is scored against every entity by nature.
- `ranking`: filtered ranking of up to 1,024 triples in both directions, per query and entity, for the same reason.

The smaller graphs are what the train triples induce on entities visited by random walks, as in the first stage of a
tuning. All sizes live in one process and take turns in rounds, so that a busy moment of the machine meets all of
them. Figures are medians, with the fastest and the slowest; the ratio is to the smallest size, below 1 is cheaper.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import record
import torch
from contestants.ours import configured
from contestants.timing import wait_for

import kgtuner as kt
from kgtuner.evaluation.evaluator import validation_metrics
from kgtuner.experiment import prepare
from kgtuner.training.allocation import keeping_freed_memory
from kgtuner.types import SPLITS

GRAPHS = ("wn18rr", "fb15k-237")
RATIOS = (0.1, 0.2, 0.5, 1.0)
RANKED = 1_024
"""Triples that are ranked, or as many as the graph trains on."""
STEPS = {"shared": 20, "1vsall": 1, "ranking": 1}
"""Steps timed together: one of them alone would be too short for the clock of a busy machine."""
WORK = {"shared": "seconds per query", "1vsall": "seconds per query and entity"}
WORK |= {"ranking": "seconds per query and entity"}

Work = Callable[[], int]


def smaller(graph: kt.KnowledgeGraph, ratio: float) -> kt.KnowledgeGraph:
    """The graph that a tuning would sample; all of it for a ratio of 1."""
    if ratio == 1:
        return graph
    return kt.sample_subgraph(graph, ratio=ratio, starts=10, seed=0, min_valid_triples=1).graph


def training(graph: kt.KnowledgeGraph, device: torch.device, **settings: Any) -> Work:
    """One step; returns its queries."""
    trainer, _ = prepare(configured("complex", 200, **settings), graph, device=device)
    trainer.model.train()

    def step() -> int:
        batch = trainer.batches.next()
        trainer.train_batch(batch)
        return len(batch)

    return step


def ranking(graph: kt.KnowledgeGraph, device: torch.device) -> Work:
    """Ranking some training triples in both directions; which triples they are does not matter for time."""
    trainer, _ = prepare(configured("complex", 200, negatives="shared"), graph, device=device)
    model = trainer.model
    model.eval()
    graph.known_answers(SPLITS)  # built once per graph
    chosen = np.random.default_rng(0).permutation(len(graph.train))[:RANKED]
    triples = graph.train[np.sort(chosen)]

    def step() -> int:
        validation_metrics(model, graph, triples)
        return 2 * len(triples)

    return step


def timed(work: Work, steps: int, device: torch.device) -> float:
    """Seconds per query of some steps."""
    wait_for(device)
    started = time.perf_counter()
    queries = sum(work() for _ in range(steps))
    wait_for(device)
    return (time.perf_counter() - started) / queries


def measured(name: str, kind: str, ratios: tuple[float, ...], options: argparse.Namespace) -> dict[str, Any]:
    """One kind of work on all sizes of one graph."""
    device = torch.device(options.device)
    whole = kt.load_dataset(name)
    graphs = [smaller(whole, ratio) for ratio in ratios]
    build: dict[str, Callable[[kt.KnowledgeGraph], Work]] = {
        "shared": lambda graph: training(graph, device, negatives="shared"),
        "1vsall": lambda graph: training(graph, device, mode="one_vs_all"),
        "ranking": lambda graph: ranking(graph, device),
    }
    works = [build[kind](graph) for graph in graphs]
    times: list[list[float]] = [[] for _ in works]
    with keeping_freed_memory():
        for work in works:
            timed(work, 2, device)  # warm
        for _ in range(options.rounds):
            for work, so_far in zip(works, times, strict=True):
                so_far.append(timed(work, STEPS[kind], device))
    sizes = []
    for ratio, graph, so_far in zip(ratios, graphs, times, strict=True):
        by = 1 if kind == "shared" else graph.n_entities
        each = sorted(seconds / by for seconds in so_far)
        sizes.append(
            {
                "share": ratio,
                "entities": graph.n_entities,
                "train_triples": len(graph.train),
                "seconds": float(f"{statistics.median(each):.4g}"),
                "min": float(f"{each[0]:.4g}"),
                "max": float(f"{each[-1]:.4g}"),
            }
        )
    for size in sizes:
        size["ratio_to_smallest"] = round(size["seconds"] / sizes[0]["seconds"], 3)
    return {
        "graph": name,
        "kind": kind,
        "unit": WORK[kind],
        "device": options.device,
        "threads": options.threads,
        "rounds": options.rounds,
        "load_average": round(os.getloadavg()[0], 2),
        "sizes": sizes,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--graphs", nargs="+", choices=GRAPHS, default=list(GRAPHS))
    parser.add_argument("--kinds", nargs="+", choices=list(WORK), default=list(WORK))
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--device", default="cpu", help="cpu (default), cuda or cuda:1; written to growth_cuda.json"
    )
    parser.add_argument("--again", action="store_true", help="measure again what is already there")
    parser.add_argument("--quick", action="store_true", help="two sizes of world, nothing kept")
    options = parser.parse_args()
    record.require_device(options.device)
    torch.set_num_threads(options.threads)
    if options.quick:
        options.rounds = 2
        for kind in WORK:
            print(json.dumps(measured("world", kind, (0.5, 1.0), options)), flush=True)
        return
    result = "growth" if options.device == "cpu" else "growth_cuda"
    path = record.RESULTS / f"{result}.json"
    rows = json.loads(path.read_text(encoding="utf-8"))["rows"] if path.exists() else []
    for name in options.graphs:
        for kind in options.kinds:
            same = [row for row in rows if row["graph"] == name and row["kind"] == kind]
            if same and not options.again:
                continue
            found = measured(name, kind, RATIOS, options)
            print(json.dumps(found), flush=True)
            rows = [row for row in rows if row not in same] + [found]
            record.write(result, {"rows": rows}, device=options.device)


if __name__ == "__main__":
    main()
