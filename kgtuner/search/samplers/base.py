"""What our samplers share: reading a study, and translating rows of codes to Optuna's parameters."""

from __future__ import annotations

import abc
import math
import zlib
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.search_space import intersection_search_space
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from kgtuner.domains import Choices
from kgtuner.search.distributions import distributions, space_of, stepped
from kgtuner.search.proposals import Observations, nearest
from kgtuner.space.parameters import Parameter
from kgtuner.space.space import Space
from kgtuner.types import INTERRUPTED, TRAINED, FloatArray

GROUP = "group"
"""A trial's user attribute: a whole number, the graph or fidelity it was measured on; none means 0."""


class SpaceSampler(BaseSampler, abc.ABC):
    """An Optuna sampler that proposes whole configurations; a subclass states `row`.

    Every draw comes from a generator made of the seed and the trial's number, so a resumed study goes
    on where it stopped instead of repeating itself, and equal observations give equal proposals.

    Args:
        space: what to propose from. None: the parameters that all trials so far have in common, as
            with Optuna's own samplers, without conditions.
        seed: None draws one.
        prior: observations made elsewhere, such as on a subgraph; see `Observations.of`.
    """

    def __init__(
        self, space: Space | None = None, *, seed: int | None = None, prior: Observations | None = None
    ) -> None:
        self.space = space
        self.seed = int(np.random.SeedSequence().generate_state(1)[0]) if seed is None else seed
        self.prior = prior

    @abc.abstractmethod
    def row(self, space: Space, observations: Observations, number: int) -> FloatArray:
        """Codes (d,) for trial `number`; running and failed trials are observations without a value."""

    def choose(self, space: Space, observations: Observations, number: int, pool: FloatArray) -> int:
        """The position of the row to try next among given ones, (m, d) codes that have not been tried.

        For replaying a search on a table of trainings. Where a sampler has no opinion of its own on rows it
        did not make, this is the row that is most like its proposal.
        """
        return nearest(space, self.row(space, observations, number), pool)

    def generator(self, *key: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, *key])

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        if self.space is not None:
            return distributions(self.space)
        return intersection_search_space(study.get_trials(deepcopy=False))

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        self._raise_error_if_multi_objective(study)
        if not search_space:
            return {}
        given = self.space is not None and search_space.keys() == self.space.by_name.keys()
        space = self.space if given and self.space is not None else space_of(search_space)
        row = self.row(space, self._observations(study, trial, space, given), trial.number)
        fixed = trial.system_attrs.get("fixed_params", {})
        if given and fixed:
            row = self._around(space, row, fixed, trial.number)
        assignment = space.codes.assignment(row)
        return {name: stepped(value, search_space[name]) for name, value in assignment.items()}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        self._raise_error_if_multi_objective(study)
        single = space_of({param_name: param_distribution})
        if self.space is not None and param_name in self.space.by_name:
            # Drawn from what the space allows now, not from all that is legal.
            own = self.space.by_name[param_name]
            single = Space([Parameter(own.name, own.domain, legal=own.legal)])
        drawn = single.sample(self.generator(trial.number, zlib.crc32(param_name.encode())))
        return stepped(drawn[param_name], param_distribution)

    def _observations(self, study: Study, current: FrozenTrial, space: Space, given: bool) -> Observations:
        sign = 1.0 if study.direction == StudyDirection.MAXIMIZE else -1.0
        assignments, values, groups = [], [], []
        for trial in study.get_trials(deepcopy=False):
            if trial.number == current.number or not _describes(trial, space):
                continue
            assignments.append(trial.params | trial.user_attrs.get(TRAINED, {}))
            values.append(sign * _measured(trial))
            groups.append(int(trial.user_attrs.get(GROUP, 0)))
        codes = space.codes.rows(assignments)
        found = Observations(codes, np.array(values, dtype=np.float64), np.array(groups, dtype=np.int64))
        return self.prior + found if self.prior is not None and given else found

    def _around(self, space: Space, row: FloatArray, fixed: dict[str, Any], number: int) -> FloatArray:
        """The proposal with the values that somebody enqueued for this trial, and the rest made to fit."""
        known = {name: value for name, value in fixed.items() if name in space.by_name}
        keep = ~np.isnan(space.codes.rows([known]))
        row = np.where(keep[0], space.codes.rows([known])[0], row)
        repaired: FloatArray = space.codes.repair(row[None], self.generator(number, 1), keep)[0]
        return repaired


def _measured(trial: FrozenTrial) -> float:
    if trial.state != TrialState.COMPLETE or trial.value is None or not math.isfinite(trial.value):
        return math.nan
    return trial.value


def _describes(trial: FrozenTrial, space: Space) -> bool:
    """Whether a trial says where in the space it lies. A waiting one does not, nor one just started."""
    if trial.state == TrialState.WAITING or trial.user_attrs.get(INTERRUPTED):
        return False
    for parameter in space.parameters:
        if parameter.name not in trial.params:
            if parameter.condition is None:
                return False
        elif parameter.categorical and not _is_legal(parameter, trial.params[parameter.name]):
            return False
    return True


def _is_legal(parameter: Parameter, value: Any) -> bool:
    return isinstance(parameter.legal, Choices) and parameter.legal.contains(value)
