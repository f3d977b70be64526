"""Does torch.compile pay for the parts of a step and of a ranking that plain operators make in several passes?

    python benchmarks/compiling.py            # about three minutes on one thread; needs a C++ compiler
    python benchmarks/compiling.py --quick    # small and kept nowhere

Each part is timed as KGTuner runs it and as torch.compile makes it from its plain definition, in turns, in processor
time of one thread. The first call of the compiled form is timed apart: that is what a process pays before it gains,
with an empty cache in a fresh folder, and a second process again with what the first one left there.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import record
import torch
from torch import Tensor

from kgtuner.evaluation.ranks import realistic_ranks
from kgtuner.models import MODELS, Model
from kgtuner.training.allocation import keeping_freed_memory

BATCH, NEGATIVES, WIDTH = 512, 128, 100
RANKED = 64
"""Queries ranked at once."""


def slopes_eager(model: Model, table: Tensor, ids: Tensor, query: Tensor, out: Tensor) -> Tensor:
    """Scores (b, n) of drawn rows, and how they fall, into `out` (b, n, width); as a training step does it."""
    scores = query.new_empty(ids.shape)
    for start in range(0, len(query), 20):
        part = slice(start, start + 20)
        gathered = torch.nn.functional.embedding_bag(ids[part].reshape(-1, 1), table, mode="sum")
        torch.sub(gathered.view(*ids[part].shape, -1), query[part, None], out=out[part])
        scores[part], _ = model.slope(out[part])
    return scores


def transe_slopes(table: Tensor, ids: Tensor, query: Tensor, out: Tensor) -> Tensor:
    difference = table[ids] - query[:, None]
    out.copy_(difference.sign())
    return 9 - difference.abs().sum(-1)


def rotate_slopes(table: Tensor, ids: Tensor, query: Tensor, out: Tensor) -> Tensor:
    re, im = (table[ids] - query[:, None]).chunk(2, -1)
    modulus = (re * re + im * im).clamp_min(1e-30).sqrt()
    out.copy_(torch.cat([re / modulus, im / modulus], -1))
    return 9 - modulus.sum(-1)


def transe_scores(query: Tensor, table: Tensor) -> Tensor:
    return 9 - (query[:, None] - table).abs().sum(-1)


def rotate_scores(query: Tensor, table: Tensor) -> Tensor:
    re, im = (query[:, None] - table).chunk(2, -1)
    return 9 - (re * re + im * im).clamp_min(1e-30).sqrt().sum(-1)


def counts(scores: Tensor, true: Tensor) -> tuple[Tensor, Tensor]:
    return (scores > true).sum(1), (scores >= true).sum(1)


def parts(n_entities: int) -> dict[str, tuple[Callable[[], Any], Callable[..., Any], tuple[Any, ...]]]:
    """Name -> what KGTuner does, the plain definition to compile, and its arguments."""
    generator = torch.Generator().manual_seed(0)
    table = torch.randn(n_entities, WIDTH, generator=generator)
    query = torch.randn(BATCH, WIDTH, generator=generator)
    ids = torch.randint(n_entities, (BATCH, NEGATIVES), generator=generator)
    out = torch.empty(BATCH, NEGATIVES, WIDTH)
    transe, rotate = (MODELS[name](2, 1, WIDTH) for name in ("transe", "rotate"))
    few = query[:RANKED]
    scores = torch.randn(BATCH, n_entities, generator=generator)
    target = torch.arange(BATCH) % n_entities
    none, buffer = target[:0], torch.empty_like(scores)
    true = scores.gather(1, target[:, None])
    return {
        "TransE, a step's scores and slopes": (
            lambda: slopes_eager(transe, table, ids, query, out),
            transe_slopes,
            (table, ids, query, out),
        ),
        "RotatE, a step's scores and slopes": (
            lambda: slopes_eager(rotate, table, ids, query, out),
            rotate_slopes,
            (table, ids, query, out),
        ),
        f"TransE, scores of all entities for {RANKED} queries": (
            lambda: transe.score_candidates(few, table),
            transe_scores,
            (few, table),
        ),
        f"RotatE, scores of all entities for {RANKED} queries": (
            lambda: rotate.score_candidates(few, table),
            rotate_scores,
            (few, table),
        ),
        f"counting ranks of {BATCH} queries": (
            lambda: realistic_ranks(scores, target, none, none, buffer),
            counts,
            (scores, true),
        ),
    }


def measure(n_entities: int, rounds: int, *, first_only: bool) -> list[dict[str, Any]]:
    rows = []
    with torch.no_grad(), keeping_freed_memory():
        for name, (ours, plain, arguments) in parts(n_entities).items():
            compiled = torch.compile(plain, dynamic=False)
            started = time.perf_counter()
            compiled(*arguments)
            first = time.perf_counter() - started
            row: dict[str, Any] = {"part": name, "first_call_seconds": round(first, 1)}
            if not first_only:
                works = {"eager_ms": ours, "compiled_ms": partial(compiled, *arguments)}
                times: dict[str, list[float]] = {key: [] for key in works}
                for key, work in list(works.items()) * rounds:
                    started = time.process_time()
                    work()
                    times[key].append((time.process_time() - started) * 1e3)
                row |= {key: round(statistics.median(each), 2) for key, each in times.items()}
            rows.append(row)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--warm", action="store_true", help="only the first calls, with the cache as it is")
    options = parser.parse_args()
    if not any(map(shutil.which, (os.environ.get("CXX", "c++"), "g++", "clang++"))):
        print("0 parts measured: torch.compile needs a C++ compiler, and there is none here")
        return
    torch.set_num_threads(1)
    os.environ["KGTUNER_KERNELS"] = "off"  # plain operators against torch.compile; kernels.py has the rest
    n_entities, rounds = (500, 2) if options.quick else (40_943, 11)
    if options.warm:
        print([row["first_call_seconds"] for row in measure(n_entities, 0, first_only=True)])
        return
    with tempfile.TemporaryDirectory() as cache:
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = cache
        rows = measure(n_entities, rounds, first_only=False)
        if not options.quick:
            again = [sys.executable, __file__, "--warm"]
            output = subprocess.run(again, check=True, capture_output=True, text=True).stdout
            for row, seconds in zip(rows, output.strip("[]\n").split(","), strict=True):
                row["first_call_in_a_second_process"] = float(seconds)
    for row in rows:
        print(row, flush=True)
    if not options.quick:
        record.write("compiling", {"threads": 1, "n_entities": n_entities, "rows": rows})


if __name__ == "__main__":
    main()
