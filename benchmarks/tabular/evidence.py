"""What the tables say about surrogates, hyper-parameters and subgraphs, as `kgtuner analyze` computes it.

python -m benchmarks.tabular.evidence     # into results/search_evidence.json
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from benchmarks import record
from benchmarks.tabular.store import DATA
from kgtuner.analysis.properties import properties
from kgtuner.analysis.rank_correlation import rank_correlations
from kgtuner.analysis.reduction import cost_of, grouped
from kgtuner.analysis.surrogate_error import surrogate_errors
from kgtuner.analysis.trials import FULL, Trials, as_trials, read_trials

TOGETHER = ("walk-0.2", "walk-0.2-second")
"""Two subgraphs whose orders are averaged."""


def of_table(path: Path) -> dict[str, Any]:
    """All figures of one table; parts that it has too few rows for are empty."""
    frame = read_trials(path)
    trials = as_trials(frame)
    full = trials.of(FULL)
    groups = grouped(full.space, properties(full))
    return {
        "configurations": len(full),
        "failures": int(np.isnan(full.values).sum()),
        "surrogates": [asdict(error) for error in surrogate_errors(full)],
        "hyper_parameters": [asdict(group) for group in groups],
        "reduction": asdict(cost_of(full, groups)) if groups else None,
        "subgraphs": [asdict(one) for one in rank_correlations(trials)],
        "subgraphs_alike": [asdict(one) for one in rank_correlations(on_the_same(trials))],
        "second_seed": second_seed(frame),
    }


def on_the_same(trials: Trials) -> Trials:
    """Those of configurations that have been trained on every graph, and `TOGETHER` as one more graph.

    Two subgraphs together have the sum of a configuration's ranks on either, and the seconds of both.
    """
    tables = {
        name: {row.tobytes(): at for at, row in enumerate(own.codes)}
        for name in dict.fromkeys(trials.groups)
        for own in [trials.of(name)]
    }
    common = [code for code in tables[FULL] if all(code in table for table in tables.values())]
    parts = []
    for name, table in tables.items():
        rows, own = [table[code] for code in common], trials.of(name)
        parts.append(
            Trials(own.space, own.codes[rows], own.values[rows], own.seconds[rows], (name,) * len(rows))
        )
    by_name = dict(zip(tables, parts, strict=True))
    if set(TOGETHER) <= set(by_name):
        both = [by_name[name] for name in TOGETHER]
        ranks = sum(rankdata(np.nan_to_num(one.values, nan=-np.inf)) for one in both)
        name = " + ".join(TOGETHER)
        seconds = both[0].seconds + both[1].seconds
        parts.append(Trials(trials.space, both[0].codes, ranks, seconds, (name,) * len(common)))
    return Trials(
        trials.space,
        np.concatenate([part.codes for part in parts]),
        np.concatenate([part.values for part in parts]),
        np.concatenate([part.seconds for part in parts]),
        tuple(name for part in parts for name in part.groups),
    )


def second_seed(frame: pd.DataFrame) -> dict[str, Any]:
    """How far two trainings of one configuration lie apart."""
    own = frame[frame["fidelity"] == FULL]
    both = own.pivot_table(index="number", columns="seed", values="value", dropna=False)
    if 1 not in both:
        return {"pairs": 0}
    pairs = both.dropna()
    apart = (pairs[0] - pairs[1]).abs()
    return {
        "pairs": len(pairs),
        "mean_difference": float(apart.mean()),
        "largest_difference": float(apart.max()),
    }


def main() -> None:
    tables = {path.stem: of_table(path) for path in sorted(DATA.glob("*.parquet"))}
    record.write("search_evidence", {"tables": tables})
    for name, found in tables.items():
        print(name, found["configurations"], found["second_seed"])


if __name__ == "__main__":
    main()
