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
from benchmarks.tabular.simulate import SUBGRAPH
from benchmarks.tabular.store import DATA
from benchmarks.tabular.table import Training
from kgtuner.analysis.properties import properties
from kgtuner.analysis.rank_correlation import rank_correlations
from kgtuner.analysis.reduction import cost_of, grouped
from kgtuner.analysis.surrogate_error import surrogate_errors
from kgtuner.analysis.trials import FULL, Trials, as_trials, read_trials
from kgtuner.types import FloatArray, IntArray

TOGETHER = ("walk-0.2", "walk-0.2-second")
"""Two subgraphs whose orders are averaged."""
DROPOUT = "model.dropout"
SCALED = (
    "optimizer.learning_rate",
    "regularizer.weight",
    "negatives.num_negatives",
    DROPOUT,
    "training.batch_size",
    "model.dimension",
)
"""Hyper-parameters that might want another value on a smaller graph."""
SHORTER = "as short"
"""What trainings on the full graph are called that are stopped when those on the usual subgraph are."""
BEST = (1 / 5, 1 / 10)
"""Shares of the configurations whose place is compared."""
LEAST = 100
"""Configurations from which on those of the best are averaged."""
RESAMPLES, SUBSETS, CANDIDATES = 1_000, 2_000, 10


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
        "shifts": shifts(as_trials(with_shorter(frame, SUBGRAPH[path.stem.rpartition("-")[0]]))),
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


def shifts(trials: Trials) -> list[dict[str, Any]]:
    """Where the best of one group of trainings lie, against where the best of another lie, of the same configurations.

    Of every group against the full graph, and of every subgraph against `SHORTER`, the full graph with as little time.

    Returns:
        For each pair, hyper-parameter and share of `BEST` the quotient of the two geometric means, or for dropout the
        difference of the two means, with a 95% bootstrap interval over the configurations that have it.
    """
    names, found = list(dict.fromkeys(trials.groups)), []
    for name, reference in [
        (n, r) for r in (FULL, SHORTER) for n in names if n != r and r in names and n != FULL
    ]:
        theirs, own = trials.of(reference), trials.of(name)
        at = {row.tobytes(): number for number, row in enumerate(theirs.codes)}
        both = [(n, at[row.tobytes()]) for n, row in enumerate(own.codes) if row.tobytes() in at]
        if len(both) < LEAST:
            continue
        rows, same = map(list, zip(*both, strict=True))
        values = np.nan_to_num([own.values[rows], theirs.values[same]], nan=-np.inf)
        for j, parameter in enumerate(trials.space.parameters):
            if parameter.name not in SCALED:
                continue
            column, is_share = own.codes[rows, j], parameter.name == DROPOUT
            for best in BEST:
                apart = _apart(column if is_share else np.log(column), values, best)
                low, middle, high = apart if is_share else np.exp(apart).tolist()
                found.append(
                    {
                        "group": name,
                        "against": reference,
                        "best": best,
                        "name": parameter.name,
                        "shift": middle,
                        "low": low,
                        "high": high,
                    }
                )
    return found


def with_shorter(frame: pd.DataFrame, subgraph: str) -> pd.DataFrame:
    """All trainings, and those on the full graph once more, stopped at the cap of those on a subgraph."""
    full = frame[frame["fidelity"] == FULL]
    cap = float(frame.loc[frame["fidelity"] == subgraph, "cap"].iloc[0])
    values = []
    for row in full.itertuples():
        training = Training(row.cpu_seconds, row.curve_seconds, row.curve_value, failed=pd.isna(row.value))
        values.append(training.until(cap)[0])
    return pd.concat([frame, full.assign(value=values, fidelity=SHORTER)])


def _apart(own: FloatArray, values: FloatArray, best: float) -> tuple[float, float, float]:
    """The mean of `own` (n,) over the best by values[0] less that by values[1], between its quantiles.

    Only configurations that have the hyper-parameter count, and `best` is a share of them.
    """
    have = ~np.isnan(own)
    own, values = own[have], values[:, have]
    count = max(1, round(len(own) * best))

    def difference(rows: IntArray) -> float:
        chosen = [rows[np.argsort(-of[rows], kind="stable")[:count]] for of in values]
        return float(own[chosen[0]].mean() - own[chosen[1]].mean())

    rng = np.random.default_rng(0)
    drawn = [difference(rng.integers(len(own), size=len(own))) for _ in range(RESAMPLES)]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(low), difference(np.arange(len(own))), float(high)


def second_seed(frame: pd.DataFrame) -> dict[str, Any]:
    """How far two trainings of one configuration lie apart, and what choosing by one of them may cost.

    `lost` is how much less the best of ten by one seed has with the other seed than the best of the ten by that one:
    no more than this can be won by training the best few again before choosing.
    """
    own = frame[frame["fidelity"] == FULL]
    both = own.pivot_table(index="number", columns="seed", values="value", dropna=False)
    if 1 not in both:
        return {"pairs": 0}
    pairs = both.dropna()
    apart = (pairs[0] - pairs[1]).abs()
    figures = {
        "pairs": len(pairs),
        "mean_difference": float(apart.mean()),
        "largest_difference": float(apart.max()),
    }
    if len(pairs) < 2 * CANDIDATES:
        return figures
    rng, values = np.random.default_rng(0), pairs[[0, 1]].to_numpy()
    ten = np.array([rng.choice(len(values), CANDIDATES, replace=False) for _ in range(SUBSETS)])
    chosen = values[ten].argmax(1)[:, ::-1]  # by the other seed
    lost = values[ten].max(1) - np.take_along_axis(values[ten], chosen[:, None], 1)[:, 0]
    return figures | {"candidates": CANDIDATES, "lost": float(lost.mean())}


def main() -> None:
    tables = {path.stem: of_table(path) for path in sorted(DATA.glob("*.parquet"))}
    record.write("search_evidence", {"tables": tables})
    for name, found in tables.items():
        print(name, found["configurations"], found["second_seed"])


if __name__ == "__main__":
    main()
