"""SMAC itself, from the extra kgtuner[smac]."""

from __future__ import annotations

import logging
import tempfile
import warnings
from typing import Any

import numpy as np

from kgtuner.domains import Choices
from kgtuner.errors import ConfigError
from kgtuner.search.acquisition import standardised
from kgtuner.search.proposals import Observations, random_row, startup_row
from kgtuner.search.samplers.base import SpaceSampler
from kgtuner.space.codes import distinct
from kgtuner.space.parameters import Parameter
from kgtuner.space.space import Space
from kgtuner.types import FloatArray


class SmacSampler(SpaceSampler):
    """Asks SMAC's facade for hyper-parameter optimisation: a forest, log expected improvement and local search.

    For each proposal a facade is made anew and told all observations, so a resumed study goes on as it was.
    Failed and running trials are as bad as the worst.

    Args:
        space, seed, prior: as in `SpaceSampler`.
        n_startup: trials before the first proposal; until then the points of an even sequence, as SMAC does.

    Raises:
        ConfigError: when SMAC is not installed.

    Source: Lindauer et al. (2022), https://www.jmlr.org/papers/v23/21-0888.html
    """

    def __init__(
        self,
        space: Space | None = None,
        *,
        seed: int | None = None,
        prior: Observations | None = None,
        n_startup: int = 10,
    ) -> None:
        try:
            import smac  # noqa: F401
        except ImportError:
            raise ConfigError(
                "the algorithm smac needs its package; install it by: pip install 'kgtuner[smac]'"
            ) from None
        super().__init__(space, seed=seed, prior=prior)
        self.n_startup = n_startup

    def row(self, space: Space, observations: Observations, number: int) -> FloatArray:
        if len(observations) < self.n_startup:
            return startup_row(space.codes, observations.codes, self.seed, number)
        rng = self.generator(number)
        inside = space.codes.inside(observations.codes) & space.codes.valid(observations.codes)
        values = standardised(observations.values, observations.groups)
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            asked = _ask(space, observations.codes[inside], -values[inside], folder, int(rng.integers(2**31)))
        row = np.array([[float(asked.get(p.name, np.nan)) for p in space.parameters]])
        row = space.codes.repair(row, rng)
        if not len(distinct(row, observations.codes)):
            return random_row(space.codes, observations.codes, rng)
        found: FloatArray = row[0]
        return found


def _ask(space: Space, codes: FloatArray, costs: FloatArray, folder: str, seed: int) -> dict[str, Any]:
    """What SMAC would try next, as codes by name."""
    from ConfigSpace import Configuration
    from smac import HyperparameterOptimizationFacade, Scenario
    from smac.runhistory.dataclasses import TrialInfo, TrialValue

    configspace = _configspace(space, seed)
    scenario = Scenario(
        configspace, deterministic=True, n_trials=10 * (len(codes) + 10), seed=seed, output_directory=folder
    )
    facade = HyperparameterOptimizationFacade(
        scenario,
        _never_called,
        initial_design=HyperparameterOptimizationFacade.get_initial_design(scenario, n_configs=0),
        overwrite=True,
        logging_level=logging.CRITICAL,
    )
    for row, cost in zip(codes, costs.tolist(), strict=True):
        values = {
            p.name: _plain(p, code)
            for p, code in zip(space.parameters, row.tolist(), strict=True)
            if not np.isnan(code)
        }
        facade.tell(TrialInfo(Configuration(configspace, values=values), seed=0), TrialValue(cost=cost))
    return dict(facade.ask().config)


def _never_called(config: Any, seed: int = 0) -> float:
    raise AssertionError("SMAC is only asked and told")


def _configspace(space: Space, seed: int) -> Any:
    """The space as ConfigSpace describes one, over codes."""
    from ConfigSpace import (
        AndConjunction,
        ConfigurationSpace,
        ForbiddenAndConjunction,
        ForbiddenInClause,
        InCondition,
    )

    described = ConfigurationSpace(seed=seed)
    described.add([_hyperparameter(parameter) for parameter in space.parameters])
    for parameter in space.parameters:
        if parameter.condition is not None:
            parts = [
                InCondition(described[parameter.name], described[name], _values(space, name, allowed))
                for name, allowed in parameter.condition.allowed.items()
            ]
            described.add(parts[0] if len(parts) == 1 else AndConjunction(*parts))
    for constraint in space.constraints:
        if all(name in space.by_name for name in constraint.forbidden):
            clauses = [
                ForbiddenInClause(described[name], _values(space, name, values))
                for name, values in constraint.forbidden.items()
                if _values(space, name, values)
            ]
            if len(clauses) == len(constraint.forbidden):
                described.add(ForbiddenAndConjunction(*clauses))
    return described


def _values(space: Space, name: str, values: Any) -> list[Any]:
    """Those of the values that are proposed now, as codes."""
    parameter = space.by_name[name]
    assert isinstance(parameter.domain, Choices)
    return [
        _plain(parameter, _code(parameter, value)) for value in values if parameter.domain.contains(value)
    ]


def _hyperparameter(parameter: Parameter) -> Any:
    from ConfigSpace import Categorical, Float, Integer, OrdinalHyperparameter

    domain = parameter.domain
    if isinstance(domain, Choices):
        codes = [_plain(parameter, _code(parameter, value)) for value in domain.values]
        if parameter.categorical or len(codes) == 1:
            return Categorical(parameter.name, codes)
        return OrdinalHyperparameter(parameter.name, sorted(codes))
    if domain.low == domain.high:
        return Categorical(parameter.name, [_plain(parameter, float(domain.low))])
    if parameter.whole:
        return Integer(parameter.name, (int(domain.low), int(domain.high)), log=parameter.log)
    return Float(parameter.name, (float(domain.low), float(domain.high)), log=parameter.log)


def _code(parameter: Parameter, value: Any) -> float:
    if parameter.categorical:
        assert isinstance(parameter.legal, Choices)
        return float(parameter.legal.values.index(value))
    return float(value)


def _plain(parameter: Parameter, code: float) -> int | float:
    return int(code) if parameter.categorical or parameter.whole else code
