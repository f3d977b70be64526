"""Many configurations at once, as columns of numbers, so that a search can afford ten thousand of them.

A configuration is a row of codes, one column a parameter: the value itself where values are numbers,
the position among the legal values where they are names, NaN where the parameter does not apply.
Conditions and constraints are evaluated here and nowhere else when configurations are drawn or varied.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from kgtuner.domains import Choices, Float, Integer
from kgtuner.errors import ConfigError
from kgtuner.space.parameters import Constraint, Parameter
from kgtuner.types import Assignment, BoolArray, FloatArray, IntArray

ABSENT = -np.inf
"""Stands for "does not apply" where codes are compared, since NaN equals nothing."""


class Codes:
    """Draws, repairs, varies and translates rows of codes for a list of parameters.

    Rows that come out are always valid: they contain the parameters that apply and no others, and break
    no constraint. `core` are the parameters that constraints mention, with those they depend on; their
    valid combinations are listed once, so that drawing needs no rejection and a space without any is
    seen at once.

    Raises:
        ConfigError: if no combination is valid.
    """

    def __init__(self, parameters: Sequence[Parameter], constraints: Sequence[Constraint]) -> None:
        self.parameters = tuple(parameters)
        self.column = {parameter.name: j for j, parameter in enumerate(parameters)}
        self.width = len(self.parameters)
        self._conditions: list[list[tuple[int, FloatArray]]] = [
            [
                (self.column[name], self._codes_of(name, values))
                for name, values in p.condition.allowed.items()
            ]
            if p.condition
            else []
            for p in parameters
        ]
        self._choices = [self._choice_codes(parameter) for parameter in parameters]
        constraints = [c for c in constraints if all(name in self.column for name in c.forbidden)]
        self._constraints = [
            [(self.column[name], self._codes_of(name, values)) for name, values in c.forbidden.items()]
            for c in constraints
        ]
        self.core = self._closure()
        self.combinations = self._valid_combinations(constraints)
        for k, j in enumerate(self.core):
            # A value that no valid combination has is never proposed, so a mutation can always be kept.
            reachable = np.unique(self.combinations[:, k])
            self._choices[j] = reachable[reachable != ABSENT]
        self.variable = np.array(
            [choices is None or len(choices) > 1 for choices in self._choices], dtype=bool
        )

    def _code(self, parameter: Parameter, value: Any) -> float:
        if not parameter.categorical:
            return float(value)
        values = parameter.legal.values  # type: ignore[union-attr]
        for position, own in enumerate(values):
            if own == value and isinstance(own, bool) == isinstance(value, bool):
                return float(position)
        raise ConfigError(f"{parameter.name} must be one of {parameter.legal}, got {value!r}")

    def _codes_of(self, name: str, values: Iterable[Any]) -> FloatArray:
        parameter = self.parameters[self.column[name]]
        return np.array([self._code(parameter, value) for value in values], dtype=np.float64)

    def _choice_codes(self, parameter: Parameter) -> FloatArray | None:
        domain = parameter.domain
        if isinstance(domain, Choices):
            return np.array([self._code(parameter, value) for value in domain.values], dtype=np.float64)
        return np.array([float(domain.low)]) if domain.low == domain.high else None

    def _closure(self) -> IntArray:
        core = {j for parts in self._constraints for j, _ in parts}
        waiting = list(core)
        while waiting:
            for parent, _ in self._conditions[waiting.pop()]:
                if parent not in core:
                    core.add(parent)
                    waiting.append(parent)
        for j in core:
            if self._choices[j] is None:
                raise ConfigError(
                    f"{self.parameters[j].name} is part of a constraint, so it needs a list of choices"
                )
        return np.array(sorted(core), dtype=np.int64)

    def _valid_combinations(self, constraints: Sequence[Constraint]) -> FloatArray:
        product = list(itertools.product(*(self._choices[j] for j in self.core)))
        listed = np.array(product, dtype=np.float64).reshape(len(product), len(self.core))
        rows = np.full((len(listed), self.width), np.nan)
        rows[:, self.core] = listed
        rows[~self.active(rows)] = np.nan
        broken = self._violations(rows)
        valid = rows[~broken.any(1)]
        if not len(valid):
            reasons = []
            while len(broken):  # the fewest reasons that together explain every combination, greedily
                widest = int(broken.sum(0).argmax())
                reasons.append(constraints[widest].reason)
                broken = broken[~broken[:, widest]]
            raise ConfigError(f"this space has no valid configuration: {'; '.join(reasons)}")
        kept = valid[:, self.core]
        return np.unique(np.where(np.isnan(kept), ABSENT, kept), axis=0)

    def active(self, codes: FloatArray) -> BoolArray:
        """Which parameters apply, (n, d), from the codes of the parameters they depend on."""
        active = np.ones(codes.shape, dtype=bool)
        for j, condition in enumerate(self._conditions):
            for parent, allowed in condition:
                active[:, j] &= active[:, parent] & _among(codes[:, parent], allowed)
        return active

    def _violations(self, codes: FloatArray) -> BoolArray:
        broken = np.ones((len(codes), len(self._constraints)), dtype=bool)
        for c, parts in enumerate(self._constraints):
            for j, values in parts:
                broken[:, c] &= _among(codes[:, j], values)
        return broken

    def valid(self, codes: FloatArray) -> BoolArray:
        """Whether each row (n, d) has exactly the parameters that apply and breaks no constraint, (n,)."""
        present = ~np.isnan(codes)
        result: BoolArray = (present == self.active(codes)).all(1) & ~self._violations(codes).any(1)
        return result

    def inside(self, codes: FloatArray) -> BoolArray:
        """Whether each row (n, d) has only values that are proposed now, (n,); what does not apply is not asked."""
        inside = np.ones(len(codes), dtype=bool)
        for j, choices in enumerate(self._choices):
            column, domain = codes[:, j], self.parameters[j].domain
            if choices is not None:
                fits = _among(column, choices)
            else:
                assert isinstance(domain, Float | Integer)
                fits = (domain.low <= column) & (column <= domain.high)
            inside &= fits | np.isnan(column)
        return inside

    def from_unit(self, unit: FloatArray) -> FloatArray:
        """Rows from points of the unit cube, (n, d + 1) in [0, 1) to (n, d); evenly spread points stay so."""
        codes = np.empty((len(unit), self.width))
        for j in range(self.width):
            codes[:, j] = self._draw(j, unit[:, j])
        if len(self.core):
            codes[:, self.core] = self.combinations[(unit[:, -1] * len(self.combinations)).astype(np.int64)]
        codes[~self.active(codes)] = np.nan
        return codes

    def sample(self, n: int, rng: np.random.Generator) -> FloatArray:
        """n random valid rows, (n, d)."""
        return self.from_unit(rng.random((n, self.width + 1)))

    def _draw(self, j: int, unit: FloatArray) -> FloatArray:
        choices, domain = self._choices[j], self.parameters[j].domain
        if choices is not None:
            picked: FloatArray = choices[(unit * len(choices)).astype(np.int64)]
            return picked
        assert isinstance(domain, Float | Integer)
        above = 1 if isinstance(domain, Integer) else 0
        if domain.log:
            low, high = np.log(domain.low), np.log(domain.high + above)
            drawn = np.exp(low + unit * (high - low))
        else:
            drawn = domain.low + unit * (domain.high + above - domain.low)
        clipped: FloatArray = np.clip(np.floor(drawn) if above else drawn, domain.low, domain.high)
        return clipped

    def repair(
        self, codes: FloatArray, rng: np.random.Generator, keep: BoolArray | None = None
    ) -> FloatArray:
        """The nearest valid rows: drop what does not apply, draw what is missing, leave what is forbidden.

        Args:
            codes: (n, d), NaN where a value is missing.
            keep: (n, d), True where a value should survive a forbidden combination if any can.
        """
        codes = self._completed(codes, rng)
        broken = self._violations(codes).any(1)
        if broken.any():
            core = codes[np.ix_(broken, self.core)]
            core = np.where(np.isnan(core), ABSENT, core)
            differs = core[:, None, :] != self.combinations[None]  # (rows, combinations, core)
            cost = differs.sum(2) + rng.random(differs.shape[:2]) / 2  # a tie is broken at random
            if keep is not None:
                cost += self.width * (differs & keep[np.ix_(broken, self.core)][:, None, :]).sum(2)
            codes[np.ix_(broken, self.core)] = self.combinations[cost.argmin(1)]
            codes = self._completed(codes, rng)
        return codes

    def _completed(self, codes: FloatArray, rng: np.random.Generator) -> FloatArray:
        codes = codes.copy()
        for j, condition in enumerate(self._conditions):
            applies = np.ones(len(codes), dtype=bool)
            for parent, allowed in condition:
                applies &= _among(codes[:, parent], allowed)
            missing = applies & ~np.isfinite(codes[:, j])
            codes[~applies, j] = np.nan
            codes[missing, j] = self._draw(j, rng.random(int(missing.sum())))
        return codes

    def mutated(self, codes: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Each row with one of its parameters drawn anew (never the same choice again), then repaired."""
        codes = codes.copy()
        eligible = ~np.isnan(codes) & self.variable
        column = np.where(eligible, rng.random(codes.shape), -1.0).argmax(1)
        keep = np.zeros(codes.shape, dtype=bool)
        for j in np.flatnonzero(self.variable).tolist():
            rows = np.flatnonzero((column == j) & eligible[:, j])
            choices = self._choices[j]
            if choices is None:
                codes[rows, j] = self._draw(j, rng.random(len(rows)))
            else:
                now = np.searchsorted(np.sort(choices), codes[rows, j])
                step = 1 + (rng.random(len(rows)) * (len(choices) - 1)).astype(np.int64)
                codes[rows, j] = np.sort(choices)[(now + step) % len(choices)]
            keep[rows, j] = True
        return self.repair(codes, rng, keep)

    def crossed(self, mothers: FloatArray, fathers: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Uniform crossover of two (n, d) populations: each parameter from either parent, then repaired."""
        first = rng.random(mothers.shape) < 0.5
        child, other = np.where(first, mothers, fathers), np.where(first, fathers, mothers)
        return self.repair(np.where(np.isnan(child), other, child), rng)

    def rows(self, assignments: Iterable[Assignment]) -> FloatArray:
        """Codes of configurations, (n, d); values must be legal, need not lie in the narrowed domain."""
        rows = [
            [self._code(p, assignment[p.name]) if p.name in assignment else np.nan for p in self.parameters]
            for assignment in assignments
        ]
        return np.array(rows, dtype=np.float64).reshape(len(rows), self.width)

    def assignment(self, row: FloatArray) -> dict[str, Any]:
        """The configuration of one row (d,), with plain Python values and only what applies."""
        result: dict[str, Any] = {}
        for parameter, code in zip(self.parameters, row.tolist(), strict=True):
            if np.isnan(code):
                continue
            if parameter.categorical:
                result[parameter.name] = parameter.legal.values[int(code)]  # type: ignore[union-attr]
            else:
                result[parameter.name] = int(code) if parameter.whole else code
        return result


def _among(column: FloatArray, values: FloatArray) -> BoolArray:
    found = np.zeros(len(column), dtype=bool)
    for value in values:  # a handful, so faster than np.isin
        found |= column == value
    return found


def distinct(codes: FloatArray, known: FloatArray | None = None) -> IntArray:
    """Positions of the first occurrence of each row (n, d) that is not among the `known` rows (m, d)."""
    keys = _keys(codes)
    _, first = np.unique(keys, return_index=True)
    if known is not None and len(known):
        first = first[~np.isin(keys[first], _keys(known))]
    return np.sort(first).astype(np.int64)


def _keys(codes: FloatArray) -> np.ndarray[Any, Any]:
    plain = np.ascontiguousarray(np.where(np.isnan(codes), ABSENT, codes) + 0.0)  # -0.0 and 0.0 are one value
    return plain.view(np.dtype((np.void, plain.dtype.itemsize * plain.shape[1]))).ravel()
