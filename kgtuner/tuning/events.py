"""What a run tells those who watch it: a display, a log, a test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

Stage = Literal["subgraph", "full"]

STAGE_TITLES: dict[Stage, str] = {"subgraph": "stage 1, subgraph", "full": "stage 2, full graph"}


@dataclass(frozen=True)
class StageStarted:
    """A stage begins. `seconds` is its share of a wall-clock budget, `trials` of a budget in trials."""

    stage: Stage
    entities: int
    triples: int
    seconds: float | None
    trials: int | None


@dataclass(frozen=True)
class TrialStarted:
    """A trial is handed to the worker; `assignment` has its hyper-parameters by dotted name."""

    stage: Stage
    number: int
    assignment: Mapping[str, Any]


@dataclass(frozen=True)
class TrialProgress:
    """A running trial has validated once more."""

    stage: Stage
    number: int
    step: int
    seconds: float
    metric: float


@dataclass(frozen=True)
class TrialEnded:
    """A trial is over. `value` is its best validation, None when it failed for `reason`."""

    stage: Stage
    number: int
    value: float | None
    reason: str | None
    seconds: float
    best: bool


@dataclass(frozen=True)
class Note:
    """A sentence for the user, e.g. that the graph is too small for a subgraph."""

    message: str


Event = StageStarted | TrialStarted | TrialProgress | TrialEnded | Note


class Observer(Protocol):
    """Receives every event of a run, in order, with the budget's clock beside it.

    Args of `notify`:
        event: what happened.
        elapsed: seconds of the budget used so far, earlier sittings included.
        remaining: seconds left of a wall-clock budget, None for a budget in trials.
    """

    def notify(self, event: Event, elapsed: float, remaining: float | None) -> None: ...


class Silent:
    """Watches without a word."""

    def notify(self, event: Event, elapsed: float, remaining: float | None) -> None:
        """Do nothing."""
