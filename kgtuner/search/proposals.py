"""The next configuration from what was observed so far, as plain functions of arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from kgtuner.registry import lookup
from kgtuner.search.acquisition import ACQUISITIONS, GAMMA, bore_labels, standardised
from kgtuner.search.candidates import MAXIMISERS, unseen
from kgtuner.search.surrogates import Surrogate
from kgtuner.space.codes import Codes
from kgtuner.space.encoding import Encoder
from kgtuner.space.space import Space
from kgtuner.types import Assignment, FloatArray, IntArray


@dataclass(frozen=True)
class Observations:
    """What a search knows.

    Attributes:
        codes: (n, d) rows of the space's codes.
        values: (n,), larger is better; NaN for a trial that failed or is still running.
        groups: (n,) which values can be compared with each other: one number per graph or fidelity.
    """

    codes: FloatArray
    values: FloatArray
    groups: IntArray

    @classmethod
    def of(
        cls, space: Space, assignments: Iterable[Assignment], values: Sequence[float], group: int = 0
    ) -> Observations:
        """From configurations; parameters that the space does not have are left out."""
        codes = space.codes.rows(assignments)
        return cls(codes, np.asarray(values, dtype=np.float64), np.full(len(codes), group, dtype=np.int64))

    def __add__(self, other: Observations) -> Observations:
        return Observations(
            np.concatenate([self.codes, other.codes]),
            np.concatenate([self.values, other.values]),
            np.concatenate([self.groups, other.groups]),
        )

    def __len__(self) -> int:
        return len(self.codes)


Scores = Callable[[FloatArray], FloatArray]
"""(m, d) codes to (m,), larger is more worth a trial."""


def scores_of(
    space: Space,
    observations: Observations,
    rng: np.random.Generator,
    surrogate: Surrogate,
    *,
    acquisition: str = "bore",
    gamma: float = GAMMA,
) -> Scores | None:
    """What a surrogate fitted to the observations thinks of candidates; None before there is anything to learn.

    Failed and running trials count as bad: the search keeps away from where trainings break, and does not
    propose the neighbourhood of a pending trial again.

    Args:
        acquisition: a name from `ACQUISITIONS`. For "bore" the surrogate learns which observations belong to
            the best `gamma`, for the others their standardised values.
    """
    rule = lookup("acquisition", acquisition, ACQUISITIONS)
    if rule is None:
        targets = bore_labels(observations.values, observations.groups, gamma)
    else:
        targets = standardised(observations.values, observations.groups)
    if not len(targets) or np.ptp(targets) == 0:
        return None
    encoder = Encoder(space)
    surrogate.fit(encoder.features(observations.codes), targets, rng)
    if rule is None:
        return lambda codes: surrogate.predict(encoder.features(codes))
    newest = observations.groups == observations.groups[-1]  # the graph that is being searched now
    best = float(targets[newest].max())
    return lambda codes: rule(*surrogate.distribution(encoder.features(codes)), best)


def propose(
    space: Space,
    observations: Observations,
    rng: np.random.Generator,
    surrogate: Surrogate,
    *,
    acquisition: str = "bore",
    gamma: float = GAMMA,
    maximiser: str = "evolution",
    population: int = 10_000,
    offspring: int = 4_000,
    generations: int = 10,
) -> FloatArray:
    """The code row (d,) that an acquisition likes best, of those not observed yet.

    No observed configuration is proposed a second time unless there is nothing else.

    Args:
        acquisition, gamma: as for `scores_of`.
        maximiser: a name from `MAXIMISERS`.
        population, offspring, generations: how hard candidates are searched, see `candidates.evolve`.
    """
    scores = scores_of(space, observations, rng, surrogate, acquisition=acquisition, gamma=gamma)
    if scores is None:
        return random_row(space.codes, observations.codes, rng)
    ranked = lookup("maximiser", maximiser, MAXIMISERS)(
        space.codes,
        scores,
        rng,
        exclude=observations.codes,
        population=population,
        offspring=offspring,
        generations=generations,
    )
    if not len(ranked):
        return random_row(space.codes, observations.codes, rng)
    best: FloatArray = ranked[0]
    return best


def best_of(pool: FloatArray, scores: Scores | None, rng: np.random.Generator) -> int:
    """The position in `pool` (m, d) with the highest score, a tie broken at random."""
    if scores is None:
        return int(rng.integers(len(pool)))
    values = scores(pool)
    return int(np.lexsort((rng.random(len(pool)), -values))[0])


def nearest(space: Space, row: FloatArray, pool: FloatArray) -> int:
    """The position in `pool` (m, d) of what is most like a row: the mean over hyper-parameters of how far they differ.

    Names differ by 0 or 1, numbers by their distance as a share of the legal range, and one that does not
    apply by 1 from one that does.

    Source: Gower (1971), https://doi.org/10.2307/2528823
    """
    encoder = Encoder(space)
    difference = np.abs(encoder.features(pool) - encoder.features(row[None]))
    return int(np.minimum(difference, 1.0).sum(1).argmin())


def random_row(codes: Codes, seen: FloatArray, rng: np.random.Generator) -> FloatArray:
    """A random valid row (d,), not among the `seen` rows unless there is nothing else."""
    free = unseen(codes, rng, seen)
    row: FloatArray = free[0] if len(free) else codes.sample(1, rng)[0]
    return row


def startup_row(codes: Codes, seen: FloatArray, seed: int, number: int) -> FloatArray:
    """The `number`-th of a sequence of rows that covers every range and every list of choices evenly.

    A scrambled Sobol sequence: it depends on the seed and the number alone, so a resumed search goes on
    where it stopped. Falls back to random rows where points coincide, as in a small discrete space.
    """
    from scipy.stats import qmc

    sequence = qmc.Sobol(codes.width + 1, rng=np.random.default_rng(seed))
    row = codes.from_unit(sequence.fast_forward(number).random(1) if number else sequence.random(1))
    repeated = len(seen) and bool(((row == seen) | (np.isnan(row) & np.isnan(seen))).all(1).any())
    if repeated:
        return random_row(codes, seen, np.random.default_rng([seed, number]))
    first: FloatArray = row[0]
    return first


def ranked(
    space: Space,
    observations: Observations,
    codes: FloatArray,
    rng: np.random.Generator,
    surrogate: Surrogate,
) -> IntArray:
    """Positions of given rows (n, d), the one that most probably belongs to the best `GAMMA` first.

    Rows whose probabilities agree to one decimal keep the order in which they are given.
    """
    labels = bore_labels(observations.values, observations.groups, GAMMA)
    if not 0 < labels.sum() < len(labels):
        return np.arange(len(codes))
    encoder = Encoder(space)
    surrogate.fit(encoder.features(observations.codes), labels, rng)
    probability = surrogate.predict(encoder.features(codes))
    order: IntArray = np.argsort(-np.round(probability, 1), kind="stable")
    return order
