"""What a user sees while a run goes on: a live display in a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TextIO

from kgtuner.report.text import metric_title, metric_value, printable
from kgtuner.tuning.budget import format_seconds
from kgtuner.tuning.events import (
    STAGE_TITLES,
    Event,
    Note,
    Observer,
    Stage,
    StageStarted,
    TrialEnded,
    TrialProgress,
    TrialStarted,
)
from kgtuner.tuning.watching import as_observers
from kgtuner.types import Clock

if TYPE_CHECKING:
    from rich.table import Table

    from kgtuner.training.trainer import CurvePoint

LINE_EVERY = 30.0
"""Least seconds between two plain lines about the progress of one trial."""

NOTES = 8
"""Notes on the live display, the latest ones."""

GRAPHS: dict[Stage, str] = {"subgraph": "subgraph", "full": "full graph"}

SHOWN = ("model.name", "model.dimension", "loss.name", "training.mode", "training.batch_size")
"""Hyper-parameters that stand beside a running trial."""


@dataclass
class RunningTrial:
    number: int
    assignment: Mapping[str, Any]
    since: float = 0.0  # of the budget, when it began
    step: int = 0
    seconds: float = 0.0
    metric: float | None = None


@dataclass
class Standing:
    """Where a run stands after the events so far.

    A training on the full graph may come before the stage that is named after it, so trials and the best are kept by
    stage: what a trial reaches on the subgraph says little about the full graph.
    """

    stage: StageStarted | None = None
    done: int = 0
    failed: int = 0
    done_in_stage: int = 0  # failed ones included
    bests: dict[Stage, tuple[float, int]] = field(default_factory=dict)  # value and number
    running: dict[tuple[Stage, int], RunningTrial] = field(default_factory=dict)
    elapsed: float = 0.0
    remaining: float | None = None

    def take(self, event: Event, elapsed: float, remaining: float | None) -> None:
        """Follow one event."""
        self.elapsed, self.remaining = elapsed, remaining
        if isinstance(event, StageStarted):
            self.stage, self.done_in_stage = event, 0
            self.running.clear()
        elif isinstance(event, TrialStarted):
            key = event.stage, event.number
            self.running[key] = RunningTrial(event.number, event.assignment, elapsed)
        elif isinstance(event, TrialProgress):
            key = event.stage, event.number
            trial = self.running.setdefault(key, RunningTrial(event.number, {}, elapsed))
            trial.step, trial.seconds, trial.metric = event.step, event.seconds, event.metric
        elif isinstance(event, TrialEnded):
            self.running.pop((event.stage, event.number), None)
            self.done_in_stage += self.stage is None or self.stage.stage == event.stage
            if event.value is None:
                self.failed += 1
            else:
                self.done += 1
                if event.stage not in self.bests or event.value > self.bests[event.stage][0]:
                    self.bests[event.stage] = event.value, event.number

    @property
    def best(self) -> tuple[float, int] | None:
        """Value and number of the best trial of this stage; of any before the first."""
        if self.stage is not None:
            return self.bests.get(self.stage.stage)
        return next(iter(self.bests.values()), None)

    def elsewhere(self, stage: Stage) -> str:
        """Words behind the number of a trial that is not of the stage under way."""
        return "" if self.stage is None or self.stage.stage == stage else f" ({GRAPHS[stage]})"


class PlainLines:
    """One line an event, for logs and pipes. The progress of a trial is told every half minute."""

    def __init__(self, stream: TextIO, metric: str = "mrr") -> None:
        self._stream = stream
        self._metric = metric
        self._standing = Standing()
        self._last_progress: dict[tuple[Stage, int], float] = {}

    def notify(self, event: Event, elapsed: float, remaining: float | None) -> None:
        """Write what happened, with the time used so far before it."""
        self._standing.take(event, elapsed, remaining)
        if isinstance(event, TrialStarted):
            self._last_progress[event.stage, event.number] = elapsed
        elif isinstance(event, TrialProgress):
            if elapsed - self._last_progress.get((event.stage, event.number), 0.0) < LINE_EVERY:
                return
            self._last_progress[event.stage, event.number] = elapsed
        line = self._line(event, remaining)
        if line:
            print(f"[{format_seconds(elapsed)}] {line}", file=self._stream, flush=True)

    def _line(self, event: Event, remaining: float | None) -> str:
        if isinstance(event, StageStarted):
            return f"{_stage(event)}{_left(remaining)}"
        if isinstance(event, TrialProgress | TrialEnded):
            trial = f"trial {event.number}{self._standing.elsewhere(event.stage)}"
        if isinstance(event, TrialProgress):
            return f"{trial}: step {event.step:,}, {self._value(event.metric)}{_left(remaining)}"
        if isinstance(event, TrialEnded):
            took = format_seconds(event.seconds)
            if event.value is None:
                return f"{trial} failed after {took}: {printable(event.reason)}"
            best = ", best so far" if event.best else ""
            return f"{trial}: {self._value(event.value)} in {took}{best}"
        return printable(event.message) if isinstance(event, Note) else ""

    def _value(self, value: float) -> str:
        return f"{metric_title(self._metric)} {_shown(self._metric, value)}"


class LiveDisplay:
    """A few lines that keep themselves up to date; `table()` is what they show."""

    def __init__(self, metric: str = "mrr", clock: Clock = time.monotonic) -> None:
        self.standing = Standing()
        self.notes: list[str] = []
        self._metric = metric
        self._clock = clock
        self._heard = clock()

    def notify(self, event: Event, elapsed: float, remaining: float | None) -> None:
        """Remember what happened; the display draws itself several times a second."""
        self.standing.take(event, elapsed, remaining)
        self._heard = self._clock()
        if isinstance(event, Note):
            self.notes.append(printable(event.message))

    def table(self) -> Table:
        """Stage, budget, trials, best and the running trial, with the clock moved on since the last event."""
        from rich.table import Table
        from rich.text import Text

        standing, table = self.standing, Table.grid(padding=(0, 2))
        since = self._clock() - self._heard
        time_used = format_seconds(standing.elapsed + since)
        if standing.remaining is not None:
            time_used += f" used, {format_seconds(max(standing.remaining - since, 0))} left"
        rows = [("time", time_used)]
        if standing.stage is not None:
            rows.insert(0, ("stage", _stage(standing.stage)))
            of = f" ({standing.done_in_stage} of {standing.stage.trials} of this stage)"
            of = of if standing.stage.trials is not None else ""
            rows.append(("trials", f"{standing.done} done, {standing.failed} failed{of}"))
        if standing.best is not None:
            best, number = standing.best
            shown = f"{metric_title(self._metric)} {_shown(self._metric, best)}"
            rows.append(("best", f"{shown} (trial {number}, on validation)"))
        for (stage, _), trial in standing.running.items():
            rows.append(
                (
                    f"trial {trial.number}{standing.elsewhere(stage)}",
                    self._running(trial, standing.elapsed + since - trial.since),
                )
            )
        rows += [("note", note) for note in self.notes[-NOTES:]]
        for title, value in rows:
            table.add_row(Text(title, style="bold"), Text(value))
        return table

    def _running(self, trial: RunningTrial, age: float) -> str:
        what = ", ".join(printable(trial.assignment[name]) for name in SHOWN if name in trial.assignment)
        if trial.metric is None:
            return f"{what or 'training'}; {format_seconds(age)}"
        reached = f"{metric_title(self._metric)} {_shown(self._metric, trial.metric)}"
        return f"{what or 'training'}; step {trial.step:,}, {format_seconds(trial.seconds)}, {reached}"


@contextmanager
def watching(stream: TextIO, metric: str = "mrr") -> Iterator[Observer]:
    """An observer that shows a run on `stream`: live where that is a terminal, else in plain lines."""
    from rich.live import Live

    from kgtuner.report.console import make_console

    console = make_console(stream)
    if not console.is_terminal or console.is_dumb_terminal:
        yield PlainLines(stream, metric)
        return
    display = LiveDisplay(metric)
    with Live(get_renderable=display.table, console=console, refresh_per_second=4):
        yield display


def in_notebook() -> bool:
    """Whether a Jupyter kernel runs this program; IPython is not imported to find out."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return getattr(shell, "kernel", None) is not None


def observers_or_lines(observer: Observer | Sequence[Observer] | None, metric: str) -> list[Observer]:
    """The observers given; in a notebook without any, plain lines under the cell."""
    if observer is None and in_notebook():
        return [PlainLines(sys.stdout, metric)]
    return as_observers(observer)


def validation_line(point: CurvePoint, metric: str = "mrr") -> str:
    """One validation of a training of its own."""
    reached = f"{metric_title(metric)} {_shown(metric, point.metric)}"
    return f"[{format_seconds(point.seconds)}] step {point.step:,}: {reached}, loss {point.loss:.4g}"


def _stage(stage: StageStarted) -> str:
    size = f"{stage.entities:,} entities, {stage.triples:,} triples"
    if stage.trials is not None:
        return f"{STAGE_TITLES[stage.stage]}: {size}, {stage.trials} trials"
    share = f", {format_seconds(stage.seconds)}" if stage.seconds is not None else ""
    return f"{STAGE_TITLES[stage.stage]}: {size}{share}"


def _left(remaining: float | None) -> str:
    return f" ({format_seconds(max(remaining, 0))} left)" if remaining is not None else ""


def _shown(metric: str, value: float) -> str:
    """An objective as its metric: the mean rank is maximised with its sign changed."""
    return metric_value(metric, -value if metric == "mean_rank" else value)
