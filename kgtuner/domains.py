"""What values a hyper-parameter may take: a float range, an integer range or a list of choices.

A class states its own hyper-parameters as `SPACE = {"margin": Float(1.0, 24.0)}`: that is what is
legal. A search space narrows it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from kgtuner.errors import ConfigError

Choice = str | int | float | bool | None


@dataclass(frozen=True)
class Float:
    """A real number in [low, high], both ends included; `log` when ratios matter, not differences."""

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low <= self.high):
            raise ConfigError(f"a range needs low <= high, both finite, got [{self.low}, {self.high}]")
        if self.log and self.low <= 0:
            raise ConfigError(f"a log range must be above 0, got [{self.low}, {self.high}]")

    def contains(self, value: Any) -> bool:
        return _is_number(value) and self.low <= value <= self.high

    def sample(self, rng: np.random.Generator) -> float:
        if self.log:
            drawn = math.exp(rng.uniform(math.log(self.low), math.log(self.high)))
            return min(max(drawn, self.low), self.high)
        return float(rng.uniform(self.low, self.high))

    def narrows(self, other: Domain) -> bool:
        return isinstance(other, Float) and other.low <= self.low and self.high <= other.high

    def __str__(self) -> str:
        return f"[{self.low:g}, {self.high:g}]" + (" log" if self.log else "")


@dataclass(frozen=True)
class Integer:
    """A whole number in [low, high], both ends included."""

    low: int
    high: int
    log: bool = False

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ConfigError(f"a range needs low <= high, got [{self.low}, {self.high}]")
        if self.log and self.low <= 0:
            raise ConfigError(f"a log range must be above 0, got [{self.low}, {self.high}]")

    def contains(self, value: Any) -> bool:
        return _is_number(value) and float(value).is_integer() and self.low <= value <= self.high

    def sample(self, rng: np.random.Generator) -> int:
        if self.log:
            drawn = math.exp(rng.uniform(math.log(self.low), math.log(self.high + 1)))
            return min(max(int(drawn), self.low), self.high)
        return int(rng.integers(self.low, self.high + 1))

    def narrows(self, other: Domain) -> bool:
        return isinstance(other, Integer) and other.low <= self.low and self.high <= other.high

    def __str__(self) -> str:
        return f"[{self.low}, {self.high}] whole" + (" log" if self.log else "")


@dataclass(frozen=True)
class Choices:
    """One of a few values. `ordered` when they are numbers whose order means something."""

    values: tuple[Choice, ...]
    ordered: bool = False

    def __post_init__(self) -> None:
        if not self.values:
            raise ConfigError("a list of choices must not be empty")
        if len({(type(value), value) for value in self.values}) < len(self.values):
            raise ConfigError(f"a list of choices must not repeat itself, got {list(self.values)}")

    def contains(self, value: Any) -> bool:
        return any(value == own and isinstance(value, bool) == isinstance(own, bool) for own in self.values)

    def sample(self, rng: np.random.Generator) -> Choice:
        return self.values[int(rng.integers(len(self.values)))]

    def narrows(self, other: Domain) -> bool:
        return all(other.contains(value) for value in self.values)

    def __str__(self) -> str:
        return ", ".join(str(value) for value in self.values)


Domain = Float | Integer | Choices


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
