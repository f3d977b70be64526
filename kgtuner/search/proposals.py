"""The next configuration from what was observed so far, as plain functions of arrays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from kgtuner.search.acquisition import GAMMA, bore_labels
from kgtuner.search.candidates import evolve, unseen
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


def propose(
    space: Space,
    observations: Observations,
    rng: np.random.Generator,
    surrogate: Surrogate,
    *,
    gamma: float = GAMMA,
    population: int = 10_000,
    offspring: int = 4_000,
    generations: int = 10,
) -> FloatArray:
    """The code row (d,) that most probably belongs to the best `gamma`: BORE.

    Failed and running trials count as not good: the search keeps away from where trainings break, and
    does not propose the neighbourhood of a pending trial again. No observed configuration is proposed
    a second time unless there is nothing else.
    """
    labels = bore_labels(observations.values, observations.groups, gamma)
    if not 0 < labels.sum() < len(labels):
        return random_row(space.codes, observations.codes, rng)
    encoder = Encoder(space)
    surrogate.fit(encoder.features(observations.codes), labels, rng)
    ranked = evolve(
        space.codes,
        lambda codes: surrogate.predict(encoder.features(codes)),
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
