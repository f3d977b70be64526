"""The tabular benchmark: train configurations of the full space, and keep what came out.

    nice -n 15 python -m benchmarks.tabular.collect                    # goes on until it is stopped
    python -m benchmarks.tabular.collect --minutes 30 --graphs umls    # a sitting of half an hour
    python -m benchmarks.tabular.collect --share 1/2                   # beside another process with --share 2/2
    python -m benchmarks.tabular.collect --progress                    # what there is

Trainings come in rounds in which every series of benchmarks/tabular/plan.py advances, so the table is usable
wherever it ends. A training is kept when it is over; one that is cut off is made again.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter

import torch

from benchmarks.tabular.plan import SERIES, jobs
from benchmarks.tabular.store import Store
from benchmarks.tabular.training import trained


def progress(store: Store) -> str:
    """How many trainings each series has and is to have."""
    done = Counter(key[:3] for key in sorted(store.keys()))
    lines = [
        f"{one.graph} {one.model} {one.fidelity}: {done[one.graph, one.model, one.fidelity]} of "
        f"{one.n + (one.n + 9) // 10 * (one.seeds - 1)}"
        for one in SERIES
    ]
    seconds = sum(row["cpu_seconds"] for rows in store.rows.values() for row in rows)
    return "\n".join([*lines, f"{sum(done.values())} trainings, {seconds / 3600:.2f} hours of CPU time"])


def share(text: str) -> tuple[int, int]:
    """ "2/3" as (2, 3): the second of three processes."""
    first, _, of = text.partition("/")
    if not (first.isdigit() and of.isdigit() and 1 <= int(first) <= int(of)):
        raise argparse.ArgumentTypeError(f"expected a share such as 1/2, got {text!r}")
    return int(first), int(of)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=float("inf"), help="end after so many minutes")
    parser.add_argument("--graphs", nargs="+", help="only these")
    parser.add_argument("--models", nargs="+", help="only these")
    parser.add_argument("--fidelities", nargs="+", help="only these, e.g. full walk-0.2")
    parser.add_argument("--share", type=share, default=(1, 1), metavar="K/N", help="every N-th configuration")
    parser.add_argument("--progress", action="store_true", help="only tell what there is")
    options = parser.parse_args()
    store = Store()
    if options.progress:
        print(progress(store))
        return
    torch.set_num_threads(1)
    done, ends = store.keys(), time.monotonic() + 60 * options.minutes
    chosen = {"graph": options.graphs, "model": options.models, "fidelity": options.fidelities}
    first, of = options.share
    missing = [
        job
        for job in jobs()
        if job.key not in done
        and all(names is None or getattr(job, what) in names for what, names in chosen.items())
        and job.number % of == first - 1  # a configuration with all its fidelities is of one process
    ]
    for job in missing:
        if time.monotonic() >= ends:
            break
        row = trained(job)
        store.add(row)
        value = row["failure"] if row.get("failure") else f"{row['value']:.4f}"
        print(
            f"round {job.round:g} {' '.join(map(str, job.key))}: {value}, {row['cpu_seconds']:.1f} s of CPU, "
            f"{row['wall_seconds']:.1f} s",
            flush=True,
        )
    print(progress(store))


if __name__ == "__main__":
    main()
