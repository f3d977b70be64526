"""How much memory does a WN18RR training take, and the ranking of the test split after it?

    python benchmarks/memory.py                    # finished rows are kept and skipped

`kgtuner train wn18rr --config FILE` and `kgtuner evaluate RUN --split test`, each in a fresh process, ComplEx with 200
reals, Adagrad, batches of 512, one thread. The figure is the largest resident memory of the process as the system
counts it, libraries included. Training is short, but meets everything once: steps, validation of all triples, the best
parameters, a checkpoint. This script imports nothing large, because a process starts with the memory of its parent on
record.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import record
from contestants.rows import BATCH, NEGATIVES, RATE

GRAPH = "wn18rr"
STEPS = {"shared": 400, "independent": 60, "1vsall": 20}
ROWS: dict[str, dict[str, Any]] = {
    "shared": {"negatives": {"name": "shared", "num_negatives": NEGATIVES}},
    "independent": {"negatives": {"name": "independent", "num_negatives": NEGATIVES}},
    "1vsall": {},
}
COMMAND = (sys.executable, "-c", "from kgtuner.cli.main import main; main()")


def configuration(row: str, steps: int) -> dict[str, Any]:
    """Two validations, one half-way and one at the end."""
    mode = "one_vs_all" if row == "1vsall" else "negative_sampling"
    return {
        "model": {"name": "complex", "dimension": 200},
        "loss": {"name": "cross_entropy"},
        "regularizer": {"name": "none"},
        "optimizer": {"name": "adagrad", "learning_rate": RATE},
        "training": {
            "mode": mode,
            "batch_size": BATCH,
            "max_steps": steps,
            "validate_every": max(1, steps // 2),
        },
        **ROWS[row],
    }


def peak_of(arguments: list[str]) -> dict[str, float]:
    """Run a command; its peak resident memory in MB, and its seconds.

    Raises:
        SystemExit: with what it wrote, when it fails.
    """
    started = time.monotonic()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen([*COMMAND, *arguments], stdout=output, stderr=output)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            words = output.read().decode(errors="replace")
            raise SystemExit(f"kgtuner {' '.join(arguments)} ended with {process.returncode}:\n{words}")
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return {
        "peak_rss_mb": round(usage.ru_maxrss / unit),
        "seconds": round(time.monotonic() - started, 1),
    }


def measured(row: str, graph: str, steps: int) -> dict[str, Any]:
    """One training and the evaluation of what came out."""
    with tempfile.TemporaryDirectory() as place:
        file, run = Path(place) / "config.yaml", str(Path(place) / "run")
        config = configuration(row, steps)
        file.write_text(json.dumps(config), encoding="utf-8")  # JSON is YAML
        return {
            "row": row,
            "graph": graph,
            "train": peak_of(["train", graph, "--config", str(file), "--output", run]),
            "evaluate": peak_of(["evaluate", run, "--split", "test"]),
            "parent_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
            "config": config,
        }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), default=list(ROWS))
    parser.add_argument("--again", action="store_true", help="measure again what is already there")
    parser.add_argument("--quick", action="store_true", help="four steps on world, nothing kept")
    options = parser.parse_args()
    if options.quick:
        print(measured("shared", "world", 4))
        return
    path = record.RESULTS / "memory.json"
    rows = json.loads(path.read_text(encoding="utf-8"))["rows"] if path.exists() else []
    known = {row["row"] for row in rows}
    found = [row for row in options.rows if options.again or row not in known]
    new = [measured(row, GRAPH, STEPS[row]) for row in found]  # all of them before anything large is imported
    if new:
        record.write("memory", {"rows": [row for row in rows if row["row"] not in found] + new})
    for row in new:
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
