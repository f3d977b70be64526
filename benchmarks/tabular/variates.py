"""Control variates as in the paper: anchors trained anew with every value of one hyper-parameter, all others kept.

    python -m benchmarks.tabular.variates                # UMLS, ComplEx, into results/control_variates.json
    python -m benchmarks.tabular.variates --minutes 20   # a sitting; the next one goes on

`kgtuner analyze` asks a forest instead, because nobody has the trainings. Here both are compared on the same
configurations, with a forest that has learned from all others. An anchor is a configuration of the table that learns
something in its two seconds of processor time: ranks of what never leaves the floor are noise.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.stats import spearmanr

from benchmarks import record
from benchmarks.tabular.plan import SERIES
from benchmarks.tabular.store import DATA
from benchmarks.tabular.training import capped, graph_of, outcome
from kgtuner.analysis.properties import Levels, Property, levels_of, property_of
from kgtuner.analysis.reduction import grouped
from kgtuner.analysis.trials import FULL, Trials, as_trials, read_trials
from kgtuner.config import TrialConfig
from kgtuner.search.surrogates.random_forest import RandomForest
from kgtuner.space.encoding import Encoder
from kgtuner.types import BoolArray, FloatArray, IntArray

NAME, GRAPH, MODEL = "control_variates", "umls", "complex"
ANCHORS = 12
"""Of each hyper-parameter: the first configurations of the table that have it, and learn."""
LEARNS = 0.2
"""MRR from which a configuration of the table is taken for an anchor; what does not learn stays near 0.05."""
RESAMPLES = 1_000

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Varied:
    """Anchors with every value of a hyper-parameter.

    Attributes:
        name: dotted.
        levels: its k values.
        anchors: (n,) rows of the table.
        codes: (n, k, d) what is trained.
    """

    name: str
    levels: Levels
    anchors: IntArray
    codes: FloatArray


def varied(trials: Trials) -> list[Varied]:
    """Every hyper-parameter with what is to be trained for it.

    A value that is not valid beside the others of its anchor has them repaired, as for the forest of `analyze`.
    """
    space, found = trials.space, []
    learns = np.nan_to_num(trials.values) >= LEARNS
    for j, parameter in enumerate(space.parameters):
        have = ~np.isnan(trials.codes[:, j])
        levels = levels_of(parameter, trials.codes[have, j])
        if levels is None:
            continue
        anchors = np.flatnonzero(have & learns)[:ANCHORS]
        codes = np.repeat(trials.codes[anchors, None], len(levels.codes), axis=1)
        keep = np.zeros(codes.shape[1:], dtype=bool)
        codes[:, :, j], keep[:, j] = levels.codes, True
        for number, own in zip(anchors, codes, strict=True):
            rng = np.random.default_rng([number, j])
            own[:] = [space.codes.repair(row[None], rng, keep[:1])[0] for row in own]
        found.append(Varied(parameter.name, levels, anchors, codes))
    return found


def wanted(trials: Trials, of: list[Varied]) -> Iterator[tuple[dict[str, Any], TrialConfig]]:
    """What says which training it is, and its configuration; an anchor of every hyper-parameter at a time."""
    for place in range(ANCHORS):
        for one in of:
            for level, row in enumerate(one.codes[place] if place < len(one.codes) else ()):
                flat = trials.space.codes.assignment(row)
                digest = hashlib.sha256(json.dumps(flat, sort_keys=True).encode()).hexdigest()[:12]
                key = {"name": one.name, "anchor": int(one.anchors[place]), "level": level, "config": digest}
                yield key, TrialConfig.from_flat(flat)


def key_of(row: dict[str, Any]) -> tuple[Any, ...]:
    """By which a training is known again: another table or other levels make it another one."""
    return row["name"], row["anchor"], row["level"], row["config"]


def measured(
    trials: Trials, of: list[Varied], rows: Rows
) -> dict[str, tuple[BoolArray, FloatArray, FloatArray]]:
    """By hyper-parameter which anchors have every value, what these reached, and the seconds, (n,) and (m, k) each.

    A failure has the worst value of the table.
    """
    by_key, worst = {key_of(row): row for row in rows}, float(np.nanmin(trials.values))
    known: dict[tuple[str, int], dict[int, dict[str, Any]]] = {}
    for key, _ in wanted(trials, of):
        if key_of(key) in by_key:
            known.setdefault((key["name"], key["anchor"]), {})[key["level"]] = by_key[key_of(key)]
    found = {}
    for one in of:
        k = len(one.levels.codes)
        trained = [known.get((one.name, int(anchor)), {}) for anchor in one.anchors]
        complete = np.array([len(own) == k for own in trained])
        full = [[own[level] for level in range(k)] for own in trained if len(own) == k]
        values = np.array([[worst if row["value"] is None else row["value"] for row in own] for own in full])
        seconds = np.array([[row["seconds"] for row in own] for own in full])
        found[one.name] = complete, values.reshape(-1, k), seconds.reshape(-1, k)
    return found


def foretold(trials: Trials, of: list[Varied]) -> dict[str, FloatArray]:
    """What a forest expects of the same configurations that has seen the whole table but the anchors, (n, k) each."""
    anchors = np.unique(np.concatenate([one.anchors for one in of]))
    others = np.setdiff1d(np.arange(len(trials)), anchors)
    encoder, forest = Encoder(trials.space), RandomForest(max_features=0.6)
    targets = np.where(np.isnan(trials.values), np.nanmin(trials.values), trials.values)
    forest.fit(encoder.features(trials.codes[others]), targets[others], np.random.default_rng(0))
    return {
        one.name: forest.predict(encoder.features(one.codes.reshape(-1, one.codes.shape[2]))).reshape(
            one.codes.shape[:2]
        )
        for one in of
    }


def compared(trials: Trials, of: list[Varied], rows: Rows) -> list[dict[str, Any]]:
    """Each hyper-parameter by trainings and by a forest: its group, and how well the two agree within an anchor."""
    trained, expected, scale = (
        measured(trials, of, rows),
        foretold(trials, of),
        float(np.nanstd(trials.values)),
    )
    shown = []
    for one in of:
        complete, values, seconds = trained[one.name]
        if len(values) < 2:
            continue
        theirs = expected[one.name][complete]
        ours = property_of(one.name, one.levels, values, seconds.mean(0), scale)
        forest = property_of(one.name, one.levels, theirs, seconds.mean(0), scale)
        [group], [of_forest] = (grouped(trials.space, [each]) for each in (ours, forest))
        middle, low, high = agreement(values, theirs)
        shown.append(
            {
                "name": one.name,
                "anchors": len(values),
                "learning": int((values.max(1) >= LEARNS).sum()),
                "levels": list(one.levels.names),
                "mrr": [round(float(mean), 4) for mean in values.mean(0)],
                "ranks": [round(float(rank), 3) for rank in ours.ranks.mean(0)],
                "best": best_levels(ours),
                "agreement": {"mean": middle, "low": low, "high": high},
                "seconds": [round(float(second), 2) for second in ours.seconds],
                "consistency": float(np.mean(ours.consistency[np.triu_indices(values.shape[1], 1)])),
                "effect": ours.effect,
                **{f: getattr(group, f) for f in ("group", "change", "reason", "matters")},
                "forest": {f: getattr(of_forest, f) for f in ("group", "change", "reason", "matters")},
            }
        )
    return shown


def agreement(ours: FloatArray, theirs: FloatArray) -> tuple[float, float, float]:
    """Spearman's correlation of two tables (n, k), each value against the mean of its anchor, with a 95% interval.

    The interval is a bootstrap over anchors. 0 where a table says nothing about values.
    """
    a, b = (table - table.mean(1, keepdims=True) for table in (ours, theirs))

    def of(anchors: IntArray) -> float:
        x, y = a[anchors].ravel(), b[anchors].ravel()
        return 0.0 if not np.ptp(x) or not np.ptp(y) else float(spearmanr(x, y).statistic)

    rng, n = np.random.default_rng(0), len(ours)
    low, high = np.quantile([of(rng.integers(n, size=n)) for _ in range(RESAMPLES)], [0.025, 0.975])
    return of(np.arange(n)), float(low), float(high)


def best_levels(one: Property) -> list[str]:
    """The values whose ranks are within a standard error of the best one's, over pairs of one anchor."""
    apart = one.ranks - one.ranks[:, [one.ranks.mean(0).argmin()]]
    within = apart.mean(0) <= apart.std(0, ddof=1) / math.sqrt(len(apart))
    return [name for name, kept in zip(one.levels.names, within, strict=True) if kept]


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
    path, of = record.RESULTS / f"{NAME}.json", varied(trials)
    there: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    asked = {key_of(key): (key, config) for key, config in wanted(trials, of)}
    rows: Rows = [row for row in there.get("rows", []) if "config" in row and key_of(row) in asked]
    about = {"graph": GRAPH, "model": MODEL, "cap": cap, "learns": LEARNS}
    for known in map(key_of, list(rows)):
        del asked[known]
    for key, config in asked.values():
        if time.monotonic() >= ends:
            break
        found = outcome(capped(config, cap), graph_of(GRAPH, FULL), seed=0)
        rows.append(
            {
                **key,
                "value": found.get("value"),
                "failure": found.get("failure"),
                "seconds": found["cpu_seconds"],
            }
        )
        print(*key.values(), rows[-1]["value"], flush=True)
        record.write(NAME, about | {"hyper_parameters": there.get("hyper_parameters", []), "rows": rows})
    record.write(NAME, about | {"hyper_parameters": compared(trials, of, rows), "rows": rows})


if __name__ == "__main__":
    main()
