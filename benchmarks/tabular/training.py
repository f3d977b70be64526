"""One training of the table: its graph, its clock, and the row that it becomes."""

from __future__ import annotations

import datetime
import platform
import time
from functools import cache
from pathlib import Path
from typing import Any

import kgtuner as kt
from benchmarks import record
from benchmarks.tabular.drawing import drawn
from benchmarks.tabular.plan import FIDELITIES, Job
from kgtuner.config import TrialConfig
from kgtuner.errors import TrialFailed
from kgtuner.experiment import run
from kgtuner.graph import KnowledgeGraph
from kgtuner.subgraph import sample_subgraph
from kgtuner.tuning.memory_plan import size_of
from kgtuner.tuning.raising import require_memory
from kgtuner.tuning.stage_one import scaled_down

SOURCE = record.source()
"""Of the code that this process has loaded; the files may change while it runs."""
VALIDATIONS = 16
"""In a training that is cut off by its cap."""
MEMORY = 4_000_000_000
"""Bytes; what is estimated to need more is a failure, "out of memory"."""


@cache
def graph_of(name: str, fidelity: str) -> KnowledgeGraph:
    """The graph that a fidelity trains on, always the same one."""
    kind = FIDELITIES[fidelity]
    full = kt.load_dataset(name)
    if kind.method is None:
        return full
    return sample_subgraph(full, kind.ratio, kind.starts, kind.seed, kind.method, min_valid_triples=1).graph


@cache
def machine() -> str:
    """The processor, as Linux calls it."""
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def config_of(job: Job) -> TrialConfig:
    """What the job trains, with its limits in seconds of CPU time."""
    config = TrialConfig.from_flat(drawn(job.model, job.number))
    if FIDELITIES[job.fidelity].scaled:
        whole = graph_of(job.graph, "full")
        config = scaled_down(config, size_of(graph_of(job.graph, job.fidelity)), size_of(whole))
    return capped(config, job.cap)


def trained(job: Job) -> dict[str, Any]:
    """Train it and say what came out.

    The clock of the training is this process's CPU time: on a machine that others use too, wall time
    says how busy they were.
    """
    graph = graph_of(job.graph, job.fidelity)
    row: dict[str, Any] = {
        "graph": job.graph,
        "model": job.model,
        "fidelity": job.fidelity,
        "number": job.number,
        "seed": job.seed,
        "cap": job.cap,
        "entities": graph.n_entities,
        "triples": len(graph.train),
        "source": SOURCE,
        "machine": machine(),
        "day": datetime.date.today().isoformat(),
    }
    return row | outcome(config_of(job), graph, job.seed) | drawn(job.model, job.number)


def outcome(config: TrialConfig, graph: KnowledgeGraph, seed: int) -> dict[str, Any]:
    """What a training gives: its value or its failure, what it took, and its curve."""
    curve: list[Any] = []
    row: dict[str, Any] = {}
    wall, cpu = time.monotonic(), time.process_time()
    try:
        config = require_memory(config, size_of(graph), MEMORY)
        result = run(config, graph, seed=seed, clock=time.process_time, on_validation=curve.append)
        row |= {
            "value": result.best,
            "stopped_by": result.stopped_by,
            "steps": result.steps,
            "queries": result.queries,
            "hits_at_10": result.valid.hits_at_10,
        }
    except TrialFailed as error:
        row |= {"failure": error.reason, "stopped_by": "failure"}
    row["cpu_seconds"] = time.process_time() - cpu
    row["wall_seconds"] = time.monotonic() - wall
    row["curve_step"] = [point.step for point in curve]
    row["curve_seconds"] = [point.seconds for point in curve]
    row["curve_value"] = [point.metric for point in curve]
    return row


def capped(config: TrialConfig, cap: float) -> TrialConfig:
    """With its limits in seconds of CPU time."""
    return config.limited(max_seconds=cap, validate_every_seconds=cap / VALIDATIONS)
