"""Optuna's tree-structured Parzen estimator, the family of Hyperopt."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import TPESampler
from optuna.study import Study
from optuna.trial import TrialState, create_trial

from kgtuner.domains import Choices
from kgtuner.search.acquisition import standardised
from kgtuner.search.proposals import Observations, best_of, random_row
from kgtuner.search.samplers.base import SpaceSampler
from kgtuner.space.codes import distinct
from kgtuner.space.parameters import Parameter
from kgtuner.space.space import Space
from kgtuner.types import FloatArray

TRIES = 5


class ParzenSampler(SpaceSampler):
    """Multivariate TPE, one density for each group of hyper-parameters that apply together.

    Optuna's sampler sees a study of its own with the same trials, over codes and the ranges that the space
    proposes now. What breaks a constraint is repaired, what has been tried is drawn anew. Failed and running
    trials lie among the bad ones.

    Args:
        space, seed, prior: as in `SpaceSampler`.
        n_startup: random trials before the first proposal.
        candidates: drawn from the density of the good ones, of which the best is taken.

    Source: Bergstra et al. (2011), https://papers.nips.cc/paper/4443; Watanabe (2023),
    https://arxiv.org/abs/2304.11127
    """

    def __init__(
        self,
        space: Space | None = None,
        *,
        seed: int | None = None,
        prior: Observations | None = None,
        n_startup: int = 10,
        candidates: int = 24,
    ) -> None:
        super().__init__(space, seed=seed, prior=prior)
        self.n_startup = n_startup
        self.candidates = candidates

    def row(self, space: Space, observations: Observations, number: int) -> FloatArray:
        rng = self.generator(number)
        if len(observations) < self.n_startup:
            return random_row(space.codes, observations.codes, rng)
        study, found = _study(space, observations), {p.name: _distribution(p) for p in space.parameters}
        for _ in range(TRIES):
            study.sampler = self._tpe(rng)
            trial = study.ask(found)
            drawn = np.array([[trial.params[p.name] for p in space.parameters]], dtype=np.float64)
            study.tell(trial, state=TrialState.FAIL)
            drawn[~space.codes.active(drawn)] = np.nan
            row = space.codes.repair(drawn, rng)
            if len(distinct(row, observations.codes)):
                best: FloatArray = row[0]
                return best
        return random_row(space.codes, observations.codes, rng)

    def choose(self, space: Space, observations: Observations, number: int, pool: FloatArray) -> int:
        rng = self.generator(number)
        if len(observations) < self.n_startup:
            return int(rng.integers(len(pool)))
        return best_of(pool, lambda codes: self._log_ratios(space, observations, codes, rng), rng)

    def _tpe(self, rng: np.random.Generator) -> TPESampler:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return TPESampler(
                multivariate=True,
                group=True,
                n_startup_trials=0,
                n_ei_candidates=self.candidates,
                seed=int(rng.integers(2**31)),
            )

    def _log_ratios(
        self, space: Space, observations: Observations, codes: FloatArray, rng: np.random.Generator
    ) -> FloatArray:
        """Log of the good density over the bad one for given rows (m, d), as Optuna computes it for its own draws.

        Summed over the groups that apply to a row. Optuna offers no public way to ask for this.
        """
        study, tpe = _study(space, observations), self._tpe(rng)
        trials = study.get_trials(deepcopy=False)
        from optuna.samplers._tpe.sampler import _split_trials, default_gamma

        good, bad = _split_trials(study, trials, default_gamma(len(trials)))
        total = np.zeros(len(codes))
        for names in _groups([frozenset(trial.params) for trial in trials]):
            columns = [space.codes.column[name] for name in names]
            applies = ~np.isnan(codes[:, columns]).any(1)
            if not applies.any():
                continue
            found = {name: _distribution(space.by_name[name]) for name in names}
            samples = {
                name: np.array([found[name].to_internal_repr(_plain(found[name], v)) for v in column])
                for name, column in zip(names, codes[applies][:, columns].T, strict=True)
            }
            densities = [
                tpe._build_parzen_estimator(study, found, part, handle_below=part is good)
                for part in (good, bad)
            ]
            total[applies] += tpe._compute_acquisition_func(samples, *densities)
        return total


def _study(space: Space, observations: Observations) -> Study:
    """The observations as a study that Optuna maximises, in codes; what was not measured is the worst."""
    study = optuna.create_study(direction="maximize")
    values = standardised(observations.values, observations.groups)
    values = np.where(np.isnan(observations.values), values.min(initial=0.0) - 1.0, values)
    found = {p.name: _distribution(p) for p in space.parameters}
    trials = []
    for row, value in zip(observations.codes, values, strict=True):
        parameters: dict[str, Any] = {}
        for p, code in zip(space.parameters, row.tolist(), strict=True):
            plain = None if np.isnan(code) else _plain(found[p.name], code)
            if plain is not None and _proposed(found[p.name], plain):
                parameters[p.name] = plain
        own = {name: found[name] for name in parameters}
        trials.append(create_trial(params=parameters, distributions=own, value=float(value)))
    study.add_trials(trials)
    return study


def _distribution(parameter: Parameter) -> BaseDistribution:
    """What a space proposes of a parameter now, in codes."""
    domain = parameter.domain
    if isinstance(domain, Choices):
        if parameter.categorical:
            assert isinstance(parameter.legal, Choices)
            return CategoricalDistribution([parameter.legal.values.index(value) for value in domain.values])
        if parameter.whole:
            numbers = sorted(int(value) for value in domain.values)  # type: ignore[arg-type]
            return (
                CategoricalDistribution(numbers)
                if len(numbers) > 1
                else IntDistribution(numbers[0], numbers[0])
            )
        return CategoricalDistribution([float(value) for value in domain.values])  # type: ignore[arg-type]
    if parameter.whole:
        return IntDistribution(int(domain.low), int(domain.high), log=parameter.log)
    return FloatDistribution(float(domain.low), float(domain.high), log=parameter.log)


def _plain(distribution: BaseDistribution, code: float) -> float | int:
    if isinstance(distribution, FloatDistribution):
        return code
    if isinstance(distribution, CategoricalDistribution) and isinstance(distribution.choices[0], float):
        return code
    return int(code)


def _proposed(distribution: BaseDistribution, plain: float | int) -> bool:
    """Whether a value is one of those that a distribution gives now."""
    if isinstance(distribution, CategoricalDistribution):
        return plain in distribution.choices
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    return distribution.low <= plain <= distribution.high


def _groups(sets: list[frozenset[str]]) -> list[list[str]]:
    """The coarsest partition of all names in which each of the given sets is a union of parts, as Optuna makes it."""
    groups: list[frozenset[str]] = []
    for names in sets:
        left = names
        split: list[frozenset[str]] = []
        for group in groups:
            split += [part for part in (group & left, group - left) if part]
            left = left - group
        groups = [*split, *([left] if left else [])]
    return [sorted(group) for group in groups]
