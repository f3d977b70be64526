"""What the values of one hyper-parameter do while all others stay: ranks, consistency and cost.

Source: the control variates of "Efficient Hyper-parameter Search for Knowledge Graph Embedding" (ACL 2022), section 4.
There each anchor is trained with every value. Here a forest that has learned from the trials at hand says what
each anchor would have reached, so that any run can be asked; how far it can be believed is what
`kgtuner.analysis.surrogate_error` measures.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata, spearmanr

from kgtuner.analysis.trials import Trials
from kgtuner.search.surrogates.random_forest import RandomForest
from kgtuner.space.encoding import Encoder
from kgtuner.space.parameters import Parameter
from kgtuner.types import FloatArray

ANCHORS = 60
BINS = 5
LEAST = 20
"""Trials from which a forest is asked."""


@dataclass(frozen=True)
class Levels:
    """Values of a hyper-parameter that are compared.

    Attributes:
        codes: (k,) one code for each.
        names: k texts.
        edges: (k + 1,) ends of the bins of a range, None for a list of choices.
    """

    codes: FloatArray
    names: tuple[str, ...]
    edges: FloatArray | None = None


@dataclass(frozen=True)
class Property:
    """One hyper-parameter.

    Attributes:
        name: dotted.
        levels: its k values.
        ranks: (anchors, k) from 0, the best value of an anchor, to 1, its worst; ties share.
        consistency: (k, k) Spearman correlation of the anchors' order between two values.
        seconds: (k,) expected for a training, NaN where no times are known.
        effect: how far the k mean predictions lie apart, in standard deviations of the trials.
    """

    name: str
    levels: Levels
    ranks: FloatArray
    consistency: FloatArray
    seconds: FloatArray
    effect: float

    @property
    def best_share(self) -> FloatArray:
        """(k,) how often each value is an anchor's best one, ties shared."""
        best = self.ranks == self.ranks.min(1, keepdims=True)
        share: FloatArray = (best / best.sum(1, keepdims=True)).mean(0)
        return share


def properties(trials: Trials, seed: int = 0, anchors: int = ANCHORS) -> list[Property]:
    """All hyper-parameters of which at least two values were tried, from the trials of one graph.

    Returns:
        None at all for fewer than `LEAST` trials with a value.
    """
    measured = ~np.isnan(trials.values)
    if measured.sum() < LEAST:
        return []
    rng = np.random.default_rng(seed)
    encoder = Encoder(trials.space)
    features = encoder.features(trials.codes)
    quality = RandomForest(max_features=0.6)
    quality.fit(features, np.where(measured, trials.values, trials.values[measured].min()), rng)
    timed = np.isfinite(trials.seconds) & measured
    cost = RandomForest(max_features=0.6)
    if timed.any():
        cost.fit(features[timed], np.log(np.maximum(trials.seconds[timed], 1e-3)), rng)
    found = []
    for j, parameter in enumerate(trials.space.parameters):
        have = np.flatnonzero(~np.isnan(trials.codes[:, j]))
        levels = levels_of(parameter, trials.codes[have, j])
        if levels is None:
            continue
        chosen = trials.codes[rng.permutation(have)[:anchors]]
        predicted, seconds = [], []
        for code in levels.codes:
            varied, keep = chosen.copy(), np.zeros(chosen.shape, dtype=bool)
            varied[:, j], keep[:, j] = code, True
            varied = encoder.features(trials.space.codes.repair(varied, rng, keep))
            predicted.append(quality.predict(varied))
            seconds.append(float(np.exp(cost.predict(varied)).mean()) if timed.any() else float("nan"))
        scale = float(trials.values[measured].std())
        found.append(
            property_of(parameter.name, levels, np.column_stack(predicted), np.array(seconds), scale)
        )
    return found


def property_of(name: str, levels: Levels, table: FloatArray, seconds: FloatArray, scale: float) -> Property:
    """What the values of anchors say about a hyper-parameter.

    Args:
        table: (anchors, k) what each anchor reaches with each of the k values, larger is better.
        seconds: (k,) of a training.
        scale: standard deviation of the trials.
    """
    ranks = (rankdata(-table, axis=1) - 1) / (table.shape[1] - 1)
    effect = float(np.ptp(table.mean(0)) / (scale or 1.0))
    return Property(name, levels, ranks, _consistency(table), seconds, effect)


def levels_of(parameter: Parameter, column: FloatArray) -> Levels | None:
    """What was tried: the choices, or the middles of up to five bins with equally many trials; None for one value."""
    distinct = np.unique(column)
    if len(distinct) < 2:
        return None
    if parameter.categorical:
        values = parameter.legal.values  # type: ignore[union-attr]
        return Levels(distinct, tuple(str(values[int(code)]) for code in distinct))
    if len(distinct) <= BINS:
        return Levels(distinct, tuple(f"{code:g}" for code in distinct))
    edges = np.unique(np.quantile(column, np.linspace(0, 1, BINS + 1)))
    low, high = edges[:-1], edges[1:]
    middles = np.sqrt(low * high) if parameter.log else (low + high) / 2
    if parameter.whole:
        middles = np.round(middles)
    return Levels(middles, tuple(f"{a:.3g} to {b:.3g}" for a, b in zip(low, high, strict=True)), edges)


def _consistency(table: FloatArray) -> FloatArray:
    k = table.shape[1]
    result = np.eye(k)
    for a in range(k):
        for b in range(a):
            flat = np.ptp(table[:, a]) == 0 or np.ptp(table[:, b]) == 0
            value = 0.0 if flat else float(spearmanr(table[:, a], table[:, b]).statistic)
            result[a, b] = result[b, a] = value
    return result
