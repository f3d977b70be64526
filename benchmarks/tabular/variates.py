"""Control variates as in the paper: anchors trained anew with every value of one hyper-parameter, all others kept.

    python -m benchmarks.tabular.variates                # UMLS, ComplEx, into results/control_variates.json
    python -m benchmarks.tabular.variates --minutes 20   # a sitting; the next one goes on

`kgtuner analyze` asks a forest instead, because nobody has the trainings. Here both are compared. An anchor is a
configuration of the table; values are those that the forest is asked for, two seconds of processor time each.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from scipy.stats import spearmanr

from benchmarks import record
from benchmarks.tabular.plan import SERIES
from benchmarks.tabular.store import DATA
from benchmarks.tabular.training import VALIDATIONS, graph_of
from kgtuner.analysis.properties import Property, levels_of, properties, property_of
from kgtuner.analysis.reduction import grouped
from kgtuner.analysis.trials import FULL, Trials, as_trials, read_trials
from kgtuner.config import TrialConfig
from kgtuner.errors import TrialFailed
from kgtuner.experiment import run
from kgtuner.space import Space

NAME, GRAPH, MODEL = "control_variates", "umls", "complex"
ANCHORS = 12
"""Of each hyper-parameter: the first configurations of the table that have it."""

Rows = list[dict[str, Any]]


def wanted(trials: Trials) -> Iterator[tuple[str, int, int, TrialConfig]]:
    """Every hyper-parameter, anchor and level with the configuration to train, an anchor of all at a time.

    A value that is not valid beside the others of its anchor has them repaired, as for the forest.
    """
    space = trials.space
    for anchor in range(ANCHORS):
        for j, parameter in enumerate(space.parameters):
            have = np.flatnonzero(~np.isnan(trials.codes[:, j]))
            levels = levels_of(parameter, trials.codes[have, j])
            if levels is None or anchor >= len(have):
                continue
            for level, code in enumerate(levels.codes):
                varied, keep = trials.codes[have[anchor], None].copy(), np.zeros((1, space.codes.width), bool)
                varied[:, j], keep[:, j] = code, True
                row = space.codes.repair(varied, np.random.default_rng([anchor, j]), keep)[0]
                yield parameter.name, anchor, level, TrialConfig.from_flat(space.codes.assignment(row))


def trained(config: TrialConfig, cap: float) -> dict[str, Any]:
    """Its best validation, None where it failed, and the processor seconds it took."""
    config = config.limited(max_seconds=cap, validate_every_seconds=cap / VALIDATIONS)
    began, value = time.process_time(), None
    with contextlib.suppress(TrialFailed):
        value = run(config, graph_of(GRAPH, FULL), seed=0, clock=time.process_time).best
    return {"value": value, "seconds": time.process_time() - began}


def measured(trials: Trials, rows: Rows) -> list[Property]:
    """Of the trainings what `properties` says of a forest; only anchors that have every value count."""
    by_key = {(row["name"], row["anchor"], row["level"]): row for row in rows}
    worst = float(np.nanmin(trials.values))
    scale, found = float(np.nanstd(trials.values)), []
    for j, parameter in enumerate(trials.space.parameters):
        levels = levels_of(parameter, trials.codes[~np.isnan(trials.codes[:, j]), j])
        if levels is None:
            continue
        keys = [
            [(parameter.name, anchor, level) for level in range(len(levels.codes))]
            for anchor in range(ANCHORS)
        ]
        complete = [[by_key[key] for key in own] for own in keys if all(key in by_key for key in own)]
        if len(complete) < 2:
            continue
        values = [[worst if row["value"] is None else row["value"] for row in own] for own in complete]
        seconds = np.array([[row["seconds"] for row in own] for own in complete]).mean(0)
        found.append(property_of(parameter.name, levels, np.array(values), seconds, scale))
    return found


def compared(space: Space, ours: list[Property], by_forest: list[Property]) -> list[dict[str, Any]]:
    """Each hyper-parameter by trainings and by a forest: its group, mean ranks, and how well these agree."""
    theirs, shown = {one.name: one for one in by_forest}, []
    for one, group in zip(ours, grouped(space, ours), strict=True):
        forest = theirs[one.name]
        ranks, expected = one.ranks.mean(0), forest.ranks.mean(0)
        flat = np.ptp(ranks) == 0 or np.ptp(expected) == 0
        agreement = None if flat or len(ranks) < 3 else float(spearmanr(ranks, expected).statistic)
        shown.append(
            {
                "name": one.name,
                "anchors": len(one.ranks),
                "levels": list(one.levels.names),
                "ranks": [round(float(rank), 3) for rank in ranks],
                "ranks_of_forest": [round(float(rank), 3) for rank in expected],
                "agreement": agreement,
                "seconds": [round(float(second), 2) for second in one.seconds],
                "consistency": float(np.mean(one.consistency[np.triu_indices(len(ranks), 1)])),
                "effect": one.effect,
                "group": group.group,
                "change": group.change,
                "reason": group.reason,
            }
        )
    return shown


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=math.inf, help="end after so many minutes")
    options = parser.parse_args()
    torch.set_num_threads(1)
    ends = time.monotonic() + 60 * options.minutes
    cap = next(one.cap for one in SERIES if (one.graph, one.model, one.fidelity) == (GRAPH, MODEL, FULL))
    trials = as_trials(read_trials(DATA / f"{GRAPH}-{MODEL}.parquet")).of(FULL)
    path = record.RESULTS / f"{NAME}.json"
    rows: Rows = json.loads(path.read_text(encoding="utf-8"))["rows"] if path.exists() else []
    done = {(row["name"], row["anchor"], row["level"]) for row in rows}
    for name, anchor, level, config in wanted(trials):
        if (name, anchor, level) in done:
            continue
        if time.monotonic() >= ends:
            break
        rows.append({"name": name, "anchor": anchor, "level": level, **trained(config, cap)})
        print(name, anchor, level, rows[-1]["value"], flush=True)
        record.write(NAME, {"graph": GRAPH, "model": MODEL, "cap": cap, "rows": rows})
    found = compared(trials.space, measured(trials, rows), properties(trials))
    about = {"graph": GRAPH, "model": MODEL, "cap": cap}
    record.write(NAME, about | {"hyper_parameters": found, "rows": rows})


if __name__ == "__main__":
    main()
