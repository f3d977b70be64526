"""How far a published configuration gets here in a stated time, beside its published end.

    python benchmarks/published.py                                       # three rows, 10 minutes of the processor each
    python benchmarks/published.py --rows wn18rr/rotate --minutes 600    # goes on from where that row stands

The clock is CPU time of one thread, validations too, so that a busy machine changes little; the rows are those of
configs/, and 100,000 steps are their published length. Validations rank a fixed sample of 1,000 triples, the end ranks
the test split. Checkpoints lie in --folder, so a row goes on where an earlier call ended; without them it begins anew.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import record
import torch

import kgtuner as kt
from kgtuner.experiment import run as train

ROOT = Path(__file__).parents[1]
ROWS = ("wn18rr/distmult", "wn18rr/complex", "wn18rr/rotate")
VALIDATIONS = 8  # in the time that is given
PUBLISHED_STEPS = 100_000


def measured(row: str, seconds: float, folder: Path, trained_on: str | None = None) -> dict[str, Any]:
    """Train a row until it has had so many seconds of the processor in all, on its own graph or another one."""
    graph_name, _, model = row.partition("/")
    graph = kt.load_dataset(trained_on or graph_name)
    config = kt.TrialConfig.load(ROOT / "configs" / f"{row}.yaml").limited(
        max_seconds=seconds,
        validate_every_seconds=seconds / VALIDATIONS,
        max_valid_triples=1_000,
        patience=100,
    )
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = folder / f"{graph_name}-{model}.safetensors"
    result = train(config, graph, checkpoint=checkpoint, clock=time.process_time)
    test = kt.evaluate(result.model, graph, split="test").overall
    return {
        "row": row,
        "seconds": round(result.seconds, 1),
        "steps": result.steps,
        "share_of_published_steps": round(result.steps / PUBLISHED_STEPS, 4),
        "queries": result.queries,
        "stopped_by": result.stopped_by,
        "valid_mrr": round(result.valid.mrr, 5),
        "test": {
            name: round(getattr(test, name), 5) for name in ("mrr", "hits_at_1", "hits_at_3", "hits_at_10")
        },
        "published": published(graph_name, model),
        "curve": [[point.step, round(point.seconds, 1), round(point.metric, 5)] for point in result.curve],
        "peak_rss_mb": round(result.peak_rss_mb),
    }


def published(graph: str, model: str) -> dict[str, float]:
    """The published test metrics of a row."""
    rows = json.loads((ROOT / "configs" / "published.json").read_text(encoding="utf-8"))["datasets"][graph]
    found = next(row for name, row in rows.items() if name.lower() == model)
    return {name.removeprefix("test_"): value for name, value in found["published"].items()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", nargs="+", default=list(ROWS), metavar="GRAPH/MODEL")
    parser.add_argument("--minutes", type=float, default=10.0, help="of the processor, for each row in all")
    parser.add_argument("--folder", type=Path, default=ROOT / "runs" / "published", help="for checkpoints")
    parser.add_argument("--quick", action="store_true", help="two seconds of each row on world, nothing kept")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.quick:
        with tempfile.TemporaryDirectory() as place:
            for row in options.rows:
                print(json.dumps(measured(row, 2.0, Path(place), trained_on="world")), flush=True)
        return
    path = record.RESULTS / "published.json"
    for row in options.rows:
        there = json.loads(path.read_text(encoding="utf-8"))["rows"] if path.exists() else []
        before = next((r for r in there if r["row"] == row), None)
        if before is not None and before["seconds"] >= 0.9 * 60 * options.minutes:
            continue
        now = measured(row, 60 * options.minutes, options.folder)
        print(json.dumps(now), flush=True)
        record.write("published", {"rows": [*(r for r in there if r["row"] != row), now]})


if __name__ == "__main__":
    main()
