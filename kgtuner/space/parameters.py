"""The words a search space is made of: parameters, when they apply, and which combinations cannot work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kgtuner.domains import Choice, Choices, Domain, Float, Integer
from kgtuner.errors import ConfigError
from kgtuner.registry import unknown
from kgtuner.types import Assignment


@dataclass(frozen=True)
class Condition:
    """When a parameter applies: each named parameter applies itself and has one of the listed values."""

    allowed: Mapping[str, tuple[Choice, ...]]

    def holds(self, assignment: Assignment) -> bool:
        return all(name in assignment and assignment[name] in values for name, values in self.allowed.items())

    def __str__(self) -> str:
        return " and ".join(f"{name} is {_or(values)}" for name, values in self.allowed.items())


@dataclass(frozen=True)
class Constraint:
    """A combination that cannot work: forbidden when every named parameter has one of the listed values."""

    forbidden: Mapping[str, tuple[Choice, ...]]
    reason: str  # the rest of a sentence, e.g. "margin_ranking is only defined for sampled negatives"

    def violated(self, assignment: Assignment) -> bool:
        return all(
            name in assignment and assignment[name] in values for name, values in self.forbidden.items()
        )


@dataclass(frozen=True)
class Parameter:
    """A hyper-parameter by its dotted name.

    Attributes:
        domain: what the search may propose.
        condition: when it applies; None: always.
        legal: what makes sense at all; narrowing never leaves it, and what is stored about a study is
            expressed in it, so that a study stays readable when its space is narrowed differently.
    """

    name: str
    domain: Domain
    condition: Condition | None = None
    legal: Domain = None  # type: ignore[assignment]  # filled in below: the domain itself

    def __post_init__(self) -> None:
        if self.legal is None:
            object.__setattr__(self, "legal", self.domain)

    @property
    def categorical(self) -> bool:
        """Whether its values have no order; otherwise they are numbers."""
        return isinstance(self.legal, Choices) and not self.legal.ordered

    @property
    def whole(self) -> bool:
        """Whether its values are whole numbers with an order."""
        if isinstance(self.legal, Choices):
            return self.legal.ordered and all(type(value) is int for value in self.legal.values)
        return isinstance(self.legal, Integer)

    @property
    def log(self) -> bool:
        """Whether ratios of its values matter rather than differences."""
        if isinstance(self.legal, Choices):
            return self.legal.ordered and all(value > 0 for value in self.legal.values)  # type: ignore[operator]
        return self.legal.log

    @property
    def bounds(self) -> tuple[float, float]:
        """The smallest and the largest legal number; not for categorical parameters."""
        if isinstance(self.legal, Choices):
            numbers = [float(value) for value in self.legal.values]  # type: ignore[arg-type]
            return min(numbers), max(numbers)
        return float(self.legal.low), float(self.legal.high)

    def narrowed(self, to: Any) -> Parameter:
        """A copy that proposes less, or something else that is legal.

        Args:
            to: a domain, a mapping with `low` and/or `high`, a list of choices, or one fixed value.

        Raises:
            ConfigError: if `to` leaves the legal domain, or is not one of these.
        """
        if isinstance(to, Mapping):
            domain = self._range(to)
        elif isinstance(to, Float | Integer | Choices):
            domain = to
            if not domain.narrows(self.legal) and not (isinstance(to, Choices) and self._holds(to.values)):
                raise self._illegal(to)
        else:
            values = to if isinstance(to, Sequence) and not isinstance(to, str) else [to]
            domain = self._choices(values)
        return replace(self, domain=domain)

    def _holds(self, values: Sequence[Any]) -> bool:
        return all(self.legal.contains(value) for value in values)

    def _choices(self, values: Sequence[Any]) -> Choices:
        if not values:
            raise ConfigError(f"{self.name} needs at least one choice, got an empty list")
        for value in values:
            if not self.legal.contains(value):
                raise self._illegal(value)
        if self.categorical:
            return Choices(tuple(values))
        number = int if self.whole else float
        return Choices(tuple(sorted(number(value) for value in values)), ordered=True)

    def _range(self, to: Mapping[str, Any]) -> Domain:
        for key in to:
            if key not in ("low", "high"):
                raise ConfigError(unknown(f"key in {self.name}", key, ("low", "high")))
        if self.categorical:
            raise ConfigError(
                f"{self.name} takes a value or a list of {describe(self.legal)}, got a range {dict(to)}"
            )
        now = (
            (self.domain.low, self.domain.high)
            if not isinstance(self.domain, Choices)
            else (min(self.domain.values), max(self.domain.values))  # type: ignore[type-var]
        )
        low, high = to.get("low", now[0]), to.get("high", now[1])
        for end in (low, high):
            if isinstance(end, bool) or not isinstance(end, int | float):
                raise ConfigError(f"{self.name} needs numbers as low and high, got {end!r}")
        if low > high:
            raise ConfigError(f"{self.name} needs low <= high, got low {low:g} and high {high:g}")
        if isinstance(self.legal, Choices):
            inside = tuple(value for value in self.legal.values if low <= value <= high)
            if not inside or low < self.bounds[0] or high > self.bounds[1]:
                raise self._illegal(f"[{low:g}, {high:g}]")
            return Choices(inside, ordered=True)
        if not (self.legal.contains(low) and self.legal.contains(high)):
            raise self._illegal(f"[{low:g}, {high:g}]")
        if isinstance(self.legal, Integer):
            return Integer(int(low), int(high), log=self.legal.log)
        return Float(float(low), float(high), log=self.legal.log)

    def _illegal(self, got: object) -> ConfigError:
        if self.categorical and not isinstance(got, Float | Integer | Choices):
            values = [str(value) for value in self.legal.values]  # type: ignore[union-attr]
            return ConfigError(unknown(self.name, got, values))
        kind = "one of" if isinstance(self.legal, Choices) else "in"
        return ConfigError(f"{self.name} must be {kind} {describe(self.legal)}, got {got}")


def describe(domain: Domain) -> str:
    """A domain in a line; a long list of choices is shortened."""
    if isinstance(domain, Choices) and len(domain.values) > 8:
        first, last = domain.values[:3], domain.values[-1]
        return ", ".join(str(value) for value in first) + f", …, {last}"
    return str(domain)


def _or(values: Sequence[Choice]) -> str:
    return " or ".join(str(value) for value in values)
