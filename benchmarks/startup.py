"""How long does a user wait before anything happens?

    python benchmarks/startup.py

Each command runs several times in a fresh process: `kgtuner --help`, `import kgtuner`, and a process that
loads a graph, the first time from text and then from the cache. Besides the clock, the processor time of the
process, which says more on a machine that others use. This script imports nothing large.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import record

GRAPH = "wn18rr"
CLI = (sys.executable, "-c", "from kgtuner.cli.main import main; main()")
LOAD = "import sys, kgtuner as kt; print(kt.load_dataset(sys.argv[1]).train.shape)"


def taken(command: list[str], cache: Path) -> tuple[float, float]:
    """Seconds by the clock and of the processor, in all its threads, until a command ended well."""
    started = time.monotonic()
    with tempfile.TemporaryFile() as output:
        environment = {**os.environ, "KGTUNER_CACHE": str(cache)}
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            raise SystemExit(
                f"{command} ended with {process.returncode}:\n{output.read().decode(errors='replace')}"
            )
    return seconds, usage.ru_utime + usage.ru_stime


def commands(graph: str) -> dict[str, tuple[list[str], bool]]:
    """By what they do: the command, and whether it finds an empty cache each time."""
    load = [sys.executable, "-c", LOAD, graph]
    return {
        "kgtuner --help": ([*CLI, "--help"], False),
        "import kgtuner": ([sys.executable, "-c", "import kgtuner"], False),
        f"first load of {graph}, from text": (load, True),
        f"later loads of {graph}, from the cache": (load, False),
    }


def measured(what: str, command: list[str], repeats: int, *, fresh: bool) -> dict[str, Any]:
    """Medians, after one run that is not counted and that fills caches."""
    with tempfile.TemporaryDirectory() as place:
        kept = Path(place) / "kept"
        taken(command, kept)
        times = [taken(command, Path(place) / str(number) if fresh else kept) for number in range(repeats)]
    clock, processor = zip(*times, strict=True)
    return {
        "what": what,
        "repeats": repeats,
        "seconds": round(statistics.median(clock), 3),
        "fastest": round(min(clock), 3),
        "slowest": round(max(clock), 3),
        "cpu_seconds": round(statistics.median(processor), 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="the embedded graph, once, nothing kept")
    options = parser.parse_args()
    repeats = 1 if options.quick else options.repeats
    rows = []
    for what, (command, fresh) in commands("world" if options.quick else GRAPH).items():
        rows.append(measured(what, command, repeats, fresh=fresh))
        print(rows[-1], flush=True)
    if not options.quick:
        record.write("startup", {"load_average": round(os.getloadavg()[0], 2), "rows": rows})


if __name__ == "__main__":
    main()
