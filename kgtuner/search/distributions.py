"""Between our spaces and Optuna's distributions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from kgtuner.domains import Choices, Domain, Float, Integer
from kgtuner.space.parameters import Parameter
from kgtuner.space.space import Space


def distribution(parameter: Parameter) -> BaseDistribution:
    """The legal domain of a parameter for Optuna's storage.

    Not the narrowed one: a study refuses other choices under the same name later, and warns of values
    that are enqueued from outside. Ordered whole numbers such as the batch size become an integer
    range for the same reason: Optuna lets it grow. Which values are proposed is up to our samplers.
    """
    if parameter.categorical:
        assert isinstance(parameter.legal, Choices)
        return CategoricalDistribution(parameter.legal.values)
    low, high = parameter.bounds
    if parameter.whole:
        return IntDistribution(int(low), int(high), log=parameter.log)
    return FloatDistribution(low, high, log=parameter.log)


def distributions(space: Space) -> dict[str, BaseDistribution]:
    """All parameters of a space, active or not."""
    return {parameter.name: distribution(parameter) for parameter in space.parameters}


def space_of(found: Mapping[str, BaseDistribution]) -> Space:
    """A space without conditions from Optuna's distributions; steps are left to `stepped`."""
    return Space([Parameter(name, _domain(dist)) for name, dist in found.items()])


def _domain(dist: BaseDistribution) -> Domain:
    if isinstance(dist, CategoricalDistribution):
        return Choices(tuple(dist.choices))
    if isinstance(dist, IntDistribution):
        return Integer(dist.low, dist.high, log=dist.log)
    if isinstance(dist, FloatDistribution):
        return Float(dist.low, dist.high, log=dist.log)
    raise TypeError(f"expected one of Optuna's three distributions, got {type(dist).__name__}")


def stepped(value: Any, dist: BaseDistribution) -> Any:
    """The legal value nearest to `value` where a distribution has a step."""
    if isinstance(dist, IntDistribution):
        return min(dist.low + round((value - dist.low) / dist.step) * dist.step, dist.high)
    if isinstance(dist, FloatDistribution) and dist.step is not None:
        return min(dist.low + round((value - dist.low) / dist.step) * dist.step, dist.high)
    return value
