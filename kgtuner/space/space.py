"""What may be tuned: an ordered list of parameters with conditions and constraints."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from kgtuner.domains import Choices, Domain
from kgtuner.errors import ConfigError
from kgtuner.registry import unknown
from kgtuner.space.codes import Codes
from kgtuner.space.parameters import Constraint, Parameter, describe
from kgtuner.types import Assignment


class Space:
    """Parameters in an order in which conditions refer to earlier ones only.

    Parameters whose condition can never hold are left out, so `parameters` is what can really occur.

    Raises:
        ConfigError: if a condition or a constraint names what is not there, or nothing is valid.
    """

    def __init__(self, parameters: Sequence[Parameter], constraints: Sequence[Constraint] = ()) -> None:
        known: dict[str, Parameter] = {}
        dropped: set[str] = set()
        for parameter in parameters:
            if parameter.name in known or parameter.name in dropped:
                raise ConfigError(f"a space names each parameter once, got {parameter.name!r} twice")
            reachable = True
            for name, values in parameter.condition.allowed.items() if parameter.condition else ():
                if name not in known and name not in dropped:
                    raise ConfigError(
                        f"the condition of {parameter.name!r} names {name!r}, which must come before it"
                    )
                reachable &= name in known and any(known[name].domain.contains(value) for value in values)
            if reachable:
                known[parameter.name] = parameter
            else:
                dropped.add(parameter.name)
        for constraint in constraints:
            for name in constraint.forbidden:
                if name not in known and name not in dropped:
                    raise ConfigError(unknown("parameter in a constraint", name, known))
        self.parameters = tuple(known.values())
        self.constraints = tuple(constraints)
        self._unreachable = tuple(p for p in parameters if p.name in dropped)
        self._order = tuple(p.name for p in parameters)
        self.codes = Codes(self.parameters, self.constraints)

    @cached_property
    def by_name(self) -> dict[str, Parameter]:
        return {parameter.name: parameter for parameter in self.parameters}

    @property
    def names(self) -> list[str]:
        return [parameter.name for parameter in self.parameters]

    def sample(self, rng: np.random.Generator) -> dict[str, Any]:
        """A random valid configuration: uniform over the valid combinations of choices and in each range."""
        return self.codes.assignment(self.codes.sample(1, rng)[0])

    def active(self, assignment: Assignment) -> list[str]:
        """Names of the parameters that apply, given the values in `assignment`; other keys are ignored."""
        present: dict[str, Any] = {}
        names = []
        for parameter in self.parameters:
            if parameter.condition is None or parameter.condition.holds(present):
                names.append(parameter.name)
                if parameter.name in assignment:
                    present[parameter.name] = assignment[parameter.name]
        return names

    def restricted(self, assignment: Assignment) -> dict[str, Any]:
        """The part of a larger configuration that this space tunes: what applies here and is given."""
        return {name: assignment[name] for name in self.active(assignment) if name in assignment}

    def validate(self, assignment: Assignment) -> None:
        """Check one configuration.

        Raises:
            ConfigError: for an unknown, missing or superfluous parameter, a value outside its domain,
                or a forbidden combination.
        """
        for name in assignment:
            if name not in self.by_name:
                raise ConfigError(unknown("parameter", name, self.names))
        active = self.active(assignment)
        for name, value in assignment.items():
            parameter = self.by_name[name]
            if name not in active:
                raise ConfigError(f"{name} is given, but it applies only when {parameter.condition}")
            if not parameter.domain.contains(value):
                kind = "one of" if isinstance(parameter.domain, Choices) else "in"
                raise ConfigError(f"{name} must be {kind} {describe(parameter.domain)}, got {value!r}")
        for name in active:
            if name not in assignment:
                raise ConfigError(f"{name} is missing; it must be in {describe(self.by_name[name].domain)}")
        for constraint in self.constraints:
            if constraint.violated(assignment):
                given = ", ".join(f"{name} = {assignment[name]}" for name in constraint.forbidden)
                raise ConfigError(f"{given} cannot work: {constraint.reason}")

    def narrowed(self, changes: Mapping[str, Any]) -> Space:
        """A copy with some domains replaced, each within what is legal.

        Args:
            changes: dotted name to a domain, `{low: …, high: …}`, a list of choices, or a fixed value.

        Raises:
            ConfigError: for an unknown name, a value that is not legal, or when nothing valid is left.
        """
        everything = {p.name: p for p in (*self.parameters, *self._unreachable)}
        for name in changes:
            if name not in everything:
                raise ConfigError(unknown("parameter", name, self._order))
        return Space(
            [
                everything[name].narrowed(changes[name]) if name in changes else everything[name]
                for name in self._order
            ],
            self.constraints,
        )

    def volume(self) -> float:
        """The product of all widths, for comparing one space with another of the same parameters.

        A width is a number of choices, of whole numbers, of decades in log scale, or high - low. Ranges
        of a single value count as 1.
        """
        return math.prod(_width(parameter.domain) for parameter in self.parameters)

    def __str__(self) -> str:
        lines = []
        for parameter in self.parameters:
            when = f"   when {parameter.condition}" if parameter.condition else ""
            lines.append(f"{parameter.name}: {describe(parameter.domain)}{when}")
        lines += [f"never: {constraint.reason}" for constraint in self.constraints]
        return "\n".join(lines)


def _width(domain: Domain) -> float:
    if isinstance(domain, Choices):
        return len(domain.values)
    if domain.low == domain.high:
        return 1.0
    if domain.log:
        return math.log10(domain.high / domain.low)
    return domain.high - domain.low + (1 if isinstance(domain.high, int) else 0)
