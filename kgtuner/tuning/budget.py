"""How much a run may cost: wall-clock time, a number of trials, or a number of full trainings."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from kgtuner.errors import ConfigError

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
LEAST_SECONDS = 10.0
EXAMPLES = "90s, 30m, 2h, 1h30m, or 3x for three full trainings"


@dataclass(frozen=True)
class Budget:
    """Exactly one of the three is set.

    Attributes:
        seconds: wall clock over both stages and the final evaluation, resumed sittings added up.
        trials: trainings over both stages, the default configuration's included.
        full_trainings: multiples of the time that the default configuration takes to train to its end.
    """

    seconds: float | None = None
    trials: int | None = None
    full_trainings: float | None = None

    @classmethod
    def of(cls, budget: str | float | None, trials: int | None) -> Budget:
        """From what a user gives: "30m", a number of seconds, "3x", or a number of trials.

        Raises:
            ConfigError: when none or both are given, or it cannot be read, or is too small.
        """
        if (budget is None) == (trials is None):
            raise ConfigError(
                f"give either a budget ({EXAMPLES}) or a number of trials, not both and not none"
            )
        if trials is not None:
            if trials < 2:
                raise ConfigError(f"trials must be at least 2, one for each stage, got {trials}")
            return cls(trials=trials)
        if isinstance(budget, str) and budget.strip().endswith("x"):
            times = _number(budget.strip()[:-1], budget)
            if times < 1:
                raise ConfigError(f"a budget in full trainings must be at least 1x, got {budget!r}")
            return cls(full_trainings=times)
        seconds = parse_seconds(budget) if isinstance(budget, str) else float(budget or 0)
        if not LEAST_SECONDS <= seconds < math.inf:
            raise ConfigError(f"a budget must be at least {LEAST_SECONDS:.0f}s, got {budget!r}")
        return cls(seconds=seconds)

    def __str__(self) -> str:
        if self.seconds is not None:
            return format_seconds(self.seconds)
        return f"{self.trials} trials" if self.trials is not None else f"{self.full_trainings:g}x"


def parse_seconds(text: str) -> float:
    """ "90s", "30m", "1h30m" or "45" (seconds) to seconds."""
    compact = text.strip().lower().replace(" ", "")
    parts = re.findall(r"([0-9.]+)([smhd])", compact)
    if parts and "".join(n + u for n, u in parts) == compact:
        return sum(_number(number, text) * UNITS[unit] for number, unit in parts)
    return _number(compact, text)


def format_seconds(seconds: float) -> str:
    """Seconds as "45s", "12m 05s" or "2h 03m"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02d}s"
    return f"{whole // 3600}h {whole % 3600 // 60:02d}m"


def _number(text: str, given: object) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise ConfigError(f"cannot read the budget {given!r}; write for example {EXAMPLES}")
    return value
