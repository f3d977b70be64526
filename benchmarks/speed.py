"""How fast are training steps and filtered ranking, beside other libraries and beside the limit of the machine?

    python benchmarks/speed.py                     # every row on WN18RR; finished rows are kept and skipped
    python benchmarks/speed.py --rows complex-shared ranking-complex --again
    python benchmarks/speed.py --table             # the results as a Markdown table
    python benchmarks/speed.py --device cuda       # on a GPU, in a result file of its own; not measured here

The peers are optional: pip install -c constraints.txt -e '.[peers]'. A row without one of them says so, and is
measured again once it is there.

Each contestant of a row lives in a process of its own, so that none changes the memory or the threads of another,
and they take turns in rounds on an otherwise idle machine: ours, peer, limit, ours, peer, limit, … Only one works
at a time. All use the same number of threads. Figures are the median of all timed steps, with the fastest and the
slowest; on a CUDA device steps are timed in groups, each between two waits for the device.

A query is one (h, r, ?) or (?, r, t) with its negatives. We train a triple in both directions, which is two
queries; PyKEEN and TorchKGE corrupt one side of a triple at a time, which is one query with as many negatives.
All independent negatives are drawn while the step is timed, by each library's own sampler. Ours also looks up and
masks negatives that are true, where the loss asks for it; the peers do not. Ours keeps freed memory for the next
step, as its trainings do; the peers run with the allocator as they find it.

contestants/ has the rows and one file for each library.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
from importlib import metadata
from pathlib import Path
from typing import Any

import record
from contestants.process import Contestant, installed
from contestants.rows import BATCH, GRAPH, PEERS, ROWS, SAMPLE, WHAT, is_ranking
from contestants.table import table

import kgtuner as kt


def measured(row: str, graph: str, options: argparse.Namespace) -> dict[str, Any]:
    """All contestants of one row, in rounds."""
    names = [name for name in ROWS[row] if not (options.quick and name in PEERS)]
    where = {"graph": graph, "threads": options.threads, "core": options.core, "device": options.device}
    contestants = [Contestant(row, name, **where) for name in names]
    for contestant in contestants:
        contestant.wait()
    racing = [contestant for contestant in contestants if contestant.missing is None]
    for _ in range(options.rounds):
        for contestant in racing:
            contestant.round(options.seconds)
    return {
        "row": row,
        "what": WHAT[row],
        "graph": graph,
        "unit": "seconds for the validation split in both directions"
        if is_ranking(row)
        else "queries per second",
        "device": options.device,
        "threads": options.threads,
        "rounds": options.rounds,
        "seconds_per_round": options.seconds,
        "torch": metadata.version("torch"),
        "peers": {name: metadata.version(name) for name in PEERS if installed(name)},
        "load_average": round(os.getloadavg()[0], 2),
        "contestants": {contestant.name: figures(row, graph, contestant) for contestant in contestants},
    }


def figures(row: str, graph: str, contestant: Contestant) -> dict[str, Any]:
    """The median of one contestant, its spread and its memory."""
    if contestant.missing is not None:
        return {"missing": contestant.missing}
    memory = contestant.finish()
    each = sorted(seconds / units for seconds, units in contestant.times)
    median = statistics.median(each)
    found: dict[str, Any] = (
        {"seconds": significant(median), "min": significant(each[0]), "max": significant(each[-1])}
        if is_ranking(row)
        else {
            "queries_per_second": significant(1 / median),
            "min": significant(1 / each[-1]),
            "max": significant(1 / each[0]),
            "step_ms": significant(median * BATCH * 1e3),
        }
    )
    found["timed"] = len(each)
    model, peak, built = memory["model_mb"], memory["peak_mb"], memory["built_mb"]
    if model is not None and peak is not None and built is not None:
        found["peak_rss_mb"] = round(max(peak, built))
        if is_ranking(row):
            found["peak_above_model_mb"] = round(peak - model)
    if memory.get("cuda_mb") is not None:
        found["peak_cuda_mb"] = round(memory["cuda_mb"] or 0)
    if is_ranking(row) and contestant.name in SAMPLE:
        found["scaled_from_triples"] = SAMPLE[contestant.name]
    if contestant.name == "limit" and ROWS[row]["limit"][1] == "three_matmuls":
        operations = 3 * 2 * 200 * kt.load_dataset(graph).n_entities
        found["gflops"] = round(operations / median / 1e9)
    return found


def significant(value: float) -> float:
    """Four significant digits."""
    rounded = float(f"{value:.4g}")
    return int(rounded) if rounded >= 1_000 else rounded


def complete(row: dict[str, Any]) -> bool:
    """Whether no contestant was added, and no peer that was missing installed, since a row was measured."""
    found = row["contestants"]
    return set(ROWS[row["row"]]) <= set(found) and not any(
        figure.get("missing") == "not installed" and installed(name) for name, figure in found.items()
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), default=list(ROWS), metavar="ROW")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.5, help="length of a round, at least two steps")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--core", type=int, help="pin everything to this core (and the next, with more threads)"
    )
    parser.add_argument(
        "--device", default="cpu", help="cpu (default), cuda or cuda:1; written to speed_cuda.json"
    )
    parser.add_argument("--again", action="store_true", help="measure rows again that are already there")
    parser.add_argument("--table", action="store_true", help="print the results as Markdown, measure nothing")
    parser.add_argument("--dry", action="store_true", help="print, keep nothing")
    parser.add_argument("--quick", action="store_true", help="two rows of world without peers, nothing kept")
    options = parser.parse_args()
    result = "speed" if options.device == "cpu" else "speed_cuda"
    path = record.RESULTS / f"{result}.json"
    rows = read(path)
    if options.table:
        print(table(rows))
        return
    record.require_device(options.device)
    if options.quick:
        options.rounds, options.seconds = 1, 0.05
        for row in ("complex-1vsall-fp32", "ranking-complex"):
            print(json.dumps(measured(row, "world", options)), flush=True)
        return
    for name in options.rows:
        same = [row for row in rows if row["row"] == name and row["threads"] == options.threads]
        if any(complete(row) for row in same) and not options.again:
            continue
        found = measured(name, GRAPH, options)
        print(json.dumps(found), flush=True)
        rows = [other for other in rows if other not in same] + [found]
        if not options.dry:
            record.write(result, {"rows": rows}, device=options.device)
    if options.dry:
        print(table([row for row in rows if row["row"] in options.rows]))


def read(path: Path) -> list[dict[str, Any]]:
    """The rows that are already there."""
    rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["rows"] if path.exists() else []
    return rows


if __name__ == "__main__":
    main()
