"""Asking a study for the next trial, with the parameters that apply and no others."""

from __future__ import annotations

from typing import Any

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.study import Study
from optuna.trial import Trial

from kgtuner.search.distributions import distribution
from kgtuner.space.parameters import Parameter
from kgtuner.space.space import Space


def ask(study: Study, space: Space) -> tuple[Trial, dict[str, Any]]:
    """Start a trial and suggest what applies, in order; the study stores exactly the assignment returned.

    (`study.ask(fixed_distributions)` would store parameters that do not apply.)
    """
    trial = study.ask()
    assignment: dict[str, Any] = {}
    for parameter in space.parameters:
        if parameter.condition is None or parameter.condition.holds(assignment):
            assignment[parameter.name] = suggest(trial, parameter)
    return trial, assignment


def suggest(trial: Trial, parameter: Parameter) -> Any:
    """The trial's value of one parameter."""
    dist = distribution(parameter)
    if isinstance(dist, CategoricalDistribution):
        return trial.suggest_categorical(parameter.name, dist.choices)
    if isinstance(dist, IntDistribution):
        return trial.suggest_int(parameter.name, dist.low, dist.high, log=dist.log)
    assert isinstance(dist, FloatDistribution)
    return trial.suggest_float(parameter.name, dist.low, dist.high, log=dist.log)
