"""What the tables say about surrogates, hyper-parameters and subgraphs, as `kgtuner analyze` computes it.

python -m benchmarks.tabular.evidence     # into results/search_evidence.json
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks import record
from benchmarks.tabular.store import DATA
from kgtuner.analysis.properties import properties
from kgtuner.analysis.rank_correlation import rank_correlations
from kgtuner.analysis.reduction import cost_of, grouped
from kgtuner.analysis.surrogate_error import surrogate_errors
from kgtuner.analysis.trials import FULL, as_trials, read_trials


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
        "second_seed": second_seed(frame),
    }


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
