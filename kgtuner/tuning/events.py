"""What a run tells those who watch it: a display, a tracker, a test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

Stage = Literal["subgraph", "full"]

STAGE_TITLES: dict[Stage, str] = {"subgraph": "stage 1, subgraph", "full": "stage 2, full graph"}


@dataclass(frozen=True)
class RunStarted:
    """The first event of every sitting.

    Attributes:
        output: the run folder; its name is the run's name.
        graph: the graph's name, as its data gives it.
        settings: what was asked for, as in run.json; `settings["metric"]` is what trials are judged by.
        resumed: whether the run goes on where an earlier sitting stopped.
    """

    output: Path
    graph: str
    settings: Mapping[str, Any]
    resumed: bool


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
    """A running trial has validated once more.

    Attributes:
        step, seconds: of the training so far.
        metric: of the validation, larger is better: a mean rank comes with its sign changed.
        loss: mean over the steps since the validation before, None when it is not known.
    """

    stage: Stage
    number: int
    step: int
    seconds: float
    metric: float
    loss: float | None = None


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


@dataclass(frozen=True)
class RunEnded:
    """The last event of every sitting, however it ends; trials that have not ended were cut off.

    Attributes:
        stopped_by: "budget", "trials", "interrupted" or "failed".
        config: the best configuration by dotted names, None when there is none yet.
        valid, test: its metrics by name, e.g. {"mrr": 0.41}; no test before the budget is spent.
    """

    stopped_by: str
    config: Mapping[str, Any] | None = None
    valid: Mapping[str, float] | None = None
    test: Mapping[str, float] | None = None


Event = RunStarted | StageStarted | TrialStarted | TrialProgress | TrialEnded | Note | RunEnded


class Observer(Protocol):
    """Receives every event of a run, in order, with the budget's clock beside it.

    The run waits for it. One that raises is told no more, and the run goes on; only KeyboardInterrupt
    passes, and ends the run as Ctrl-C does.

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


def metric_of(objective: float, metric: str) -> float:
    """What was measured, from the value that a search maximises: a mean rank has its sign changed there."""
    return -objective if metric == "mean_rank" else objective
