"""The four groups of hyper-parameters, the smaller space that follows from them, and what it costs.

Source: "Efficient Hyper-parameter Search for Knowledge Graph Embedding" (ACL 2022), section 4: fixed choice, limited
range, monotonously related, no obvious pattern.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy.stats import spearmanr

from kgtuner.analysis.properties import Property
from kgtuner.analysis.trials import Trials
from kgtuner.domains import Choices
from kgtuner.search.surrogates.random_forest import RandomForest
from kgtuner.space.encoding import Encoder
from kgtuner.space.parameters import Parameter
from kgtuner.space.space import Space
from kgtuner.types import FloatArray

Group = Literal["fixed", "limited", "monotone", "free"]

FIXED_FROM = 0.75
"""Share of the anchors for which one choice is best."""
POOR_FROM = 0.65
"""Mean rank, from 0 for always best to 1 for always worst, from which a value is left out."""
MONOTONE_FROM = 0.8
"""Spearman correlation of size and mean rank."""
MATTERS_FROM = 0.1
"""How far the values' mean predictions lie apart, in standard deviations of the trials; below, ranks are noise."""
SIZES = ("training.batch_size", "model.dimension")
"""What stage two raises, when the space does not say how large it is."""
DRAWS, BEST_OF, FORESTS = 1_000, 20, 5


@dataclass(frozen=True)
class Grouped:
    """What becomes of a hyper-parameter.

    Attributes:
        name: dotted.
        group: one of the four.
        change: what a space file says about it, None to leave it as the base has it.
        reason: in a few words.
        matters: whether its values lie apart by more than noise.
    """

    name: str
    group: Group
    change: Any
    reason: str
    matters: bool = True


def grouped(space: Space, found: Sequence[Property]) -> list[Grouped]:
    """Each hyper-parameter with its group and what a smaller space says about it."""
    return [_group(space.by_name[one.name], one) for one in found if one.name != "model.name"]


def _group(parameter: Parameter, one: Property) -> Grouped:
    mean, best = one.ranks.mean(0), one.best_share
    if one.effect < MATTERS_FROM:
        reason = f"hardly matters ({one.effect:.2f} sd)"
        return Grouped(one.name, "free", _everything(parameter, one), reason, matters=False)
    if parameter.categorical:
        first = int(best.argmax())
        if best[first] >= FIXED_FROM:
            reason = f"best for {best[first]:.0%} of the anchors"
            return Grouped(one.name, "fixed", one.levels.names[first], reason)
        kept = [name for name, rank in zip(one.levels.names, mean, strict=True) if rank < POOR_FROM]
        if len(kept) < len(mean):
            return Grouped(one.name, "limited", kept, "the others rank low for nearly every anchor")
        return Grouped(one.name, "free", list(one.levels.names), "no pattern")
    if one.name in SIZES:
        related = float(spearmanr(np.arange(len(mean)), -mean).statistic) if np.ptp(mean) else 0.0
        if related >= MONOTONE_FROM:
            return Grouped(one.name, "monotone", None, f"larger is better (correlation {related:.2f})")
    kept_levels = np.flatnonzero(mean < POOR_FROM)
    first, last = int(kept_levels.min()), int(kept_levels.max())
    if last - first + 1 < len(mean):
        reason = "values outside rank low for nearly every anchor"
        return Grouped(one.name, "limited", _between(parameter, one, first, last), reason)
    return Grouped(one.name, "free", _everything(parameter, one), "no pattern")


def _everything(parameter: Parameter, one: Property) -> Any:
    """All that was tried, as a space file says it."""
    if parameter.categorical:
        return list(one.levels.names)
    return _between(parameter, one, 0, len(one.levels.codes) - 1)


def _between(parameter: Parameter, one: Property, first: int, last: int) -> Any:
    """The values from one level to another, both included, as a space file says them."""
    number = int if parameter.whole else float
    codes, edges = one.levels.codes, one.levels.edges
    if isinstance(parameter.legal, Choices):
        return [number(code) for code in codes[first : last + 1]]
    low, high = (codes[first], codes[last]) if edges is None else (edges[first], edges[last + 1])
    return {"low": number(low), "high": number(high)}


def space_mapping(groups: Sequence[Grouped]) -> dict[str, Any]:
    """What `tune --space` reads: on the reduced preset, in which batch size and dimension are small to be raised."""
    return {"base": "reduced", "parameters": {g.name: g.change for g in groups if g.change is not None}}


@dataclass(frozen=True)
class Cost:
    """What the smaller space gives up, by what was measured and by what a forest expects.

    Attributes:
        volume: of the smaller space, as a share of the one that was searched.
        inside: trials that lie in it; best_inside, best: their best value and that of all trials.
        expected, expected_all: the best of 20 random configurations of the smaller space and of what was tried, as
            forests predict it; the mean over `FORESTS`.
        low, high: the range of the difference over the forests.
    """

    volume: float
    inside: int
    best_inside: float | None
    best: float
    expected: float
    expected_all: float
    low: float
    high: float


def cost_of(trials: Trials, groups: Sequence[Grouped], seed: int = 0) -> Cost:
    """What is lost, in the unit of the metric; negative where the smaller space is better.

    Sizes that stage two raises count as what they were in the trials: the question is what the rest costs.
    """
    whole = tried_space(trials)
    changes = {g.name: g.change for g in groups if g.change is not None}
    smaller = whole.narrowed(changes)
    columns = _columns(smaller, trials.space)
    inside = smaller.codes.inside(trials.codes[:, columns]) & ~np.isnan(trials.values)
    measured = trials.values[~np.isnan(trials.values)]
    encoder = Encoder(trials.space)
    features = encoder.features(trials.codes)
    targets = np.where(np.isnan(trials.values), measured.min(), trials.values)
    both = []
    for number in range(FORESTS):
        rng = np.random.default_rng([seed, number])
        forest = RandomForest(max_features=0.6)
        forest.fit(features, targets, rng)
        drawn = [_drawn(space, trials.space, rng) for space in (smaller, whole)]
        both.append([_best_of(forest.predict(encoder.features(rows))) for rows in drawn])
    table = np.array(both)
    lost = table[:, 1] - table[:, 0]
    return Cost(
        smaller.volume() / whole.volume(),
        int(inside.sum()),
        float(trials.values[inside].max()) if inside.any() else None,
        float(measured.max()),
        float(table[:, 0].mean()),
        float(table[:, 1].mean()),
        float(lost.min()),
        float(lost.max()),
    )


def _columns(space: Space, larger: Space) -> list[int]:
    """Where the parameters of a narrowed space, which may have lost some, are in the one it comes from."""
    return [larger.codes.column[parameter.name] for parameter in space.parameters]


def _drawn(space: Space, larger: Space, rng: np.random.Generator) -> FloatArray:
    """Random rows of a narrowed space in the columns of the one it comes from."""
    rows = np.full((DRAWS, larger.codes.width), np.nan)
    rows[:, _columns(space, larger)] = space.codes.sample(DRAWS, rng)
    return rows


def tried_space(trials: Trials) -> Space:
    """The smallest box around what was tried, with the conditions and constraints of the legal space."""
    changes: dict[str, Any] = {}
    for j, parameter in enumerate(trials.space.parameters):
        column = trials.codes[:, j]
        column = np.unique(column[~np.isnan(column)])
        if not len(column):
            continue
        if parameter.categorical:
            values = parameter.legal.values  # type: ignore[union-attr]
            changes[parameter.name] = [values[int(code)] for code in column]
        elif isinstance(parameter.legal, Choices):
            changes[parameter.name] = [int(c) if parameter.whole else c for c in column.tolist()]
        else:
            low, high = float(column.min()), float(column.max())
            changes[parameter.name] = (
                {"low": int(low), "high": int(high)} if parameter.whole else {"low": low, "high": high}
            )
    return trials.space.narrowed(changes)


def _best_of(values: np.ndarray) -> float:
    """The expected maximum of `BEST_OF` draws from equally likely values."""
    ordered = np.sort(values)
    n = len(ordered)
    below = np.arange(n + 1) / n
    weights = np.diff(below**BEST_OF)
    return float((weights * ordered).sum())
