"""What the beginning of a training says of its end: by its value, by a law fitted to it, by what a forest has learned.

    python -m benchmarks.tabular.curves     # into results/search_curves.json

A race lets the best by their value so far go on. Would it choose better by where their curves are going? On the full
graph, where a curve goes to its own end, and on the subgraph, where the end is that on the full graph. A second table
has the value so far on every subgraph, of the configurations that all of them have.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.optimize import OptimizeWarning, curve_fit
from scipy.stats import spearmanr

from benchmarks import record
from benchmarks.tabular.compare import interval
from benchmarks.tabular.simulate import SUBGRAPH
from benchmarks.tabular.store import DATA
from benchmarks.tabular.table import Table, Training
from kgtuner.search.strategies import FULL
from kgtuner.search.surrogates.random_forest import RandomForest
from kgtuner.space.encoding import Encoder
from kgtuner.types import FloatArray, IntArray

SHARES = (1 / 16, 1 / 4, 1 / 2)
"""Of a training, after which the rest of it is foretold."""
SEEN = 30
"""Whole trainings that a forest has learned from, as a search has made them by then."""
DRAWS = 20
"""Of these, and of everything that is random."""
RACE, GO_ON = 16, 4
"""Configurations of a race, and how many of them go on."""
RACES = 200
"""Of each draw."""
MANY_RACES, RACES_AGAIN = 20_000, 2_000
"""Where only the value so far is judged: of all configurations, and of each resample of them."""
LEAST = 2 * SEEN
"""Configurations of a table, at least."""
LEAST_POINTS = 4
"""Validations for the three numbers of a law. A whole training has sixteen; the last of a share comes just after it."""
RESAMPLES = 200
"""Of the configurations, for an interval."""

Foretold = Callable[[np.random.Generator, FloatArray], FloatArray]


def so_far(training: Training, share: float, cap: float) -> FloatArray:
    """The best validation by then at each of sixteenths of the cap up to the share, 0 for what has failed, (s,)."""
    ends = np.arange(1, round(16 * share) + 1) / 16
    return np.nan_to_num([training.until(end * cap)[0] for end in ends])


def power_law(training: Training, share: float, cap: float) -> float:
    """What y = c - a t^-b, fitted to the validations so far, has at the cap; the best so far where it cannot be fitted.

    Source: "pow3" of Domhan et al. (2015), https://www.ijcai.org/Proceedings/15/Papers/487.pdf
    """
    best, _ = training.until(share * cap)
    seen = training.at <= share * cap
    ended = training.at[-1:].sum() < share * cap  # by itself
    if np.isnan(best) or ended or seen.sum() < LEAST_POINTS:
        return float(np.nan_to_num(best))
    at, values = training.at[seen] / cap, np.maximum.accumulate(training.values[seen])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OptimizeWarning)
        try:
            law, _ = curve_fit(
                lambda t, c, a, b: c - a * t**-b,
                at,
                values,
                p0=(values[-1], 0.01, 1.0),
                bounds=([0, 0, 0.01], [1, 1, 5]),
                max_nfev=500,
            )
        except RuntimeError:  # it does not converge
            return float(best)
    return float(np.clip(law[0] - law[1], best, 1.0))


def predictors(
    table: Table, fidelity: str, share: float, numbers: list[int], ends: FloatArray
) -> dict[str, Foretold]:
    """Ways to foretell the ends (n,) of configurations. Each is given rows whose ends are known, and gives all n."""
    cap = table.caps[fidelity]
    trainings = [table.trainings[fidelity][number] for number in numbers]
    curves = np.array([so_far(training, share, cap) for training in trainings])
    configurations = Encoder(table.space).features(np.array([table.codes[number] for number in numbers]))

    def by_forest(features: FloatArray) -> Foretold:
        def foretold(rng: np.random.Generator, known: FloatArray) -> FloatArray:
            forest = RandomForest(max_features=1 / 3)
            forest.fit(features[known], ends[known], rng)
            return forest.predict(features)

        return foretold

    ways = {
        "value so far": lambda rng, known: curves[:, -1],
        "forest, curves": by_forest(curves),
        "forest, both": by_forest(np.column_stack([curves, configurations])),
    }
    if LEAST_POINTS < 16 * share < 16:  # there is a law to fit, and something left to foretell
        law = np.array([power_law(training, share, cap) for training in trainings])
        ways["power law"] = lambda rng, known: law
    return ways


def judged(foretold: FloatArray, ends: FloatArray, rng: np.random.Generator) -> tuple[float, float]:
    """Spearman's correlation with the ends, and what races lose."""
    races = np.array([rng.choice(len(ends), RACE, replace=False) for _ in range(RACES)])
    return float(spearmanr(foretold, ends).statistic), lost(foretold, ends, races)


def lost(foretold: FloatArray, ends: FloatArray, races: IntArray) -> float:
    """The best end of a race (r, 16) less the best of those that go on, on average."""
    go_on = np.take_along_axis(races, np.argsort(-foretold[races], axis=1, kind="stable")[:, :GO_ON], 1)
    return float((ends[races].max(1) - ends[go_on].max(1)).mean())


def raced(among: IntArray, races: int, seed: int) -> IntArray:
    """Races (races, 16) of places of `among`, each place at most once in a race."""
    order = np.random.default_rng(seed).random((races, len(among))).argpartition(RACE, axis=1)
    return among[order[:, :RACE]]


def of_table(table: Table, fidelity: str, share: float) -> dict[str, Any]:
    """How each predictor does on the configurations it has not learned from, over draws of those it has.

    The intervals are over these draws, whose races are of much the same configurations; of other configurations they
    say nothing.
    """
    numbers = table.numbers((fidelity,))
    ends = np.nan_to_num([table.trainings[FULL][number].value for number in numbers])
    ways = predictors(table, fidelity, share, numbers, ends)
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for seed in range(DRAWS):
        order = np.random.default_rng(seed).permutation(len(numbers))
        known, others = order[:SEEN], order[SEEN:]
        for name, foretold in ways.items():
            guess = foretold(np.random.default_rng([seed, 1]), known)[others]
            found[name].append(judged(guess, ends[others], np.random.default_rng([seed, 2])))
    usual = np.array(found["value so far"])
    shown = {}
    for name, pairs in found.items():
        apart = np.array(pairs) - usual
        shown[name] = {
            "spearman": float(np.mean([pair[0] for pair in pairs])),
            "lost": float(np.mean([pair[1] for pair in pairs])),
            "less_lost": dict(zip(("mean", "low", "high"), interval((-apart[:, 1]).tolist()), strict=True)),
        }
    return {
        "graph": fidelity,
        "share": share,
        "cost": cost(table, fidelity, share, numbers),
        "configurations": len(numbers),
        "predictors": shown,
    }


def cost(table: Table, fidelity: str, share: float, numbers: list[int]) -> float:
    """Of trainings up to a share, against whole ones on the full graph."""
    paid = sum(table.trainings[fidelity][number].until(share * table.caps[fidelity])[1] for number in numbers)
    return paid / sum(table.trainings[FULL][number].seconds for number in numbers)


def alike(table: Table) -> list[dict[str, Any]]:
    """The value so far on every subgraph and on the full graph, of the configurations that all of them have.

    The intervals are over resampled configurations, the same ones and the same races for each row. One that is drawn
    twice can meet itself in a race.
    """
    numbers = table.numbers(tuple(table.trainings))
    ends = np.nan_to_num([table.trainings[FULL][number].value for number in numbers])
    n = len(numbers)
    samples = [np.random.default_rng(seed).integers(n, size=n) for seed in range(RESAMPLES)]
    races = raced(np.arange(n), MANY_RACES, RESAMPLES)
    again = [raced(sample, RACES_AGAIN, seed) for seed, sample in enumerate(samples)]
    rows = []
    for fidelity in table.trainings:
        for share in SHARES if fidelity == FULL else (1 / 4, 1.0):
            trainings = [table.trainings[fidelity][number] for number in numbers]
            values = np.array([so_far(training, share, table.caps[fidelity])[-1] for training in trainings])
            low, high = np.quantile([lost(values, ends, own) for own in again], [0.025, 0.975])
            rows.append(
                {
                    "graph": fidelity,
                    "share": share,
                    "cost": cost(table, fidelity, share, numbers),
                    "configurations": len(numbers),
                    "spearman": float(spearmanr(values, ends).statistic),
                    "lost": {"mean": lost(values, ends, races), "low": float(low), "high": float(high)},
                }
            )
    return rows


def main() -> None:
    tables: dict[str, list[dict[str, Any]]] = {}
    subgraphs: dict[str, list[dict[str, Any]]] = {}
    for path in sorted(DATA.glob("*.parquet")):
        graph, _, model = path.stem.rpartition("-")
        table = Table.load(graph, model)
        if len(table.trainings) > 2 and len(table.numbers(tuple(table.trainings))) >= LEAST:
            subgraphs[path.stem] = alike(table)
        for fidelity in (FULL, SUBGRAPH[graph]):
            if fidelity not in table.trainings or len(table.numbers((fidelity,))) < LEAST:
                continue
            for share in SHARES if fidelity == FULL else (*SHARES, 1.0):
                tables.setdefault(path.stem, []).append(of_table(table, fidelity, share))
                print(path.stem, fidelity, f"{share:g}", flush=True)
                for name, found in tables[path.stem][-1]["predictors"].items():
                    print(f"  {name}: {found['spearman']:.3f}, lost {found['lost']:.4f}", flush=True)
    settings = {"seen": SEEN, "draws": DRAWS, "race": RACE, "go_on": GO_ON, "resamples": RESAMPLES}
    record.write("search_curves", {"tables": tables, "subgraphs": subgraphs, **settings})


if __name__ == "__main__":
    main()
