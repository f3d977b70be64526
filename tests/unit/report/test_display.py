from __future__ import annotations

import io

import pytest
from rich.console import Console

from kgtuner.report.display import LiveDisplay, PlainLines, Standing, validation_line, watching
from kgtuner.training.trainer import CurvePoint
from kgtuner.tuning.events import Event, Note, Observer, StageStarted, TrialEnded, TrialProgress, TrialStarted

STAGE = StageStarted("subgraph", 1263, 6000, 60.0, None)
EVENTS: list[tuple[Event, float]] = [
    (STAGE, 1.0),
    (TrialStarted("subgraph", 0, {"model.name": "complex", "model.dimension": 64}), 2.0),
    (TrialProgress("subgraph", 0, 500, 3.0, 0.2), 5.0),
    (TrialEnded("subgraph", 0, 0.25, None, 4.0, True), 6.0),
    (TrialStarted("subgraph", 1, {}), 6.0),
    (TrialEnded("subgraph", 1, None, "diverged: a loss is not finite", 1.0, False), 7.0),
    (TrialStarted("subgraph", 2, {}), 7.0),
    (TrialEnded("subgraph", 2, 0.21, None, 3.0, False), 10.0),
]


def tell(observer: Observer, budget: float | None = 120.0) -> None:
    for event, elapsed in EVENTS:
        observer.notify(event, elapsed, None if budget is None else budget - elapsed)


def drawn(display: LiveDisplay) -> str:
    console = Console(file=io.StringIO(), width=120, markup=False)
    console.print(display.table())
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_plain_lines_tell_stages_and_the_ends_of_trials() -> None:
    stream = io.StringIO()
    tell(PlainLines(stream))
    assert stream.getvalue().splitlines() == [
        "[1s] stage 1, subgraph: 1,263 entities, 6,000 triples, 1m 00s (1m 59s left)",
        "[6s] trial 0: MRR 0.2500 in 4s, best so far",
        "[7s] trial 1 failed after 1s: diverged: a loss is not finite",
        "[10s] trial 2: MRR 0.2100 in 3s",
    ]


def test_plain_lines_tell_the_progress_of_a_long_trial_every_half_minute() -> None:
    stream = io.StringIO()
    lines = PlainLines(stream)
    lines.notify(TrialStarted("full", 0, {}), 0.0, None)
    for second in range(0, 100, 10):
        lines.notify(TrialProgress("full", 0, 100 * second, second, 0.1), float(second), None)
    assert [line.split(",")[0] for line in stream.getvalue().splitlines()] == [
        "[30s] trial 0: step 3", "[1m 00s] trial 0: step 6", "[1m 30s] trial 0: step 9",
    ]  # fmt: skip


def test_plain_lines_keep_one_line_each_whatever_a_note_says() -> None:
    stream = io.StringIO()
    PlainLines(stream).notify(Note("one\ntwo \x1b[31m[red]"), 0.0, None)
    assert stream.getvalue() == "[0s] one\\ntwo \\x1b[31m[red]\n"


def test_a_mean_rank_is_shown_as_a_rank_although_its_negative_is_maximised() -> None:
    stream = io.StringIO()
    PlainLines(stream, "mean_rank").notify(TrialEnded("full", 0, -12.5, None, 1.0, False), 1.0, None)
    assert "mean rank 12.5 in" in stream.getvalue()


def test_the_live_display_shows_where_the_run_stands() -> None:
    now = 0.0
    display = LiveDisplay(clock=lambda: now)
    tell(display)
    display.notify(TrialStarted("subgraph", 3, {"model.name": "rotate", "model.dimension": 64}), 11.0, 109.0)
    display.notify(TrialProgress("subgraph", 3, 1500, 2.0, 0.123), 13.0, 107.0)
    now = 5.0  # seconds since the last event, which the clocks follow
    text = drawn(display)
    for part in (
        "stage 1, subgraph: 1,263 entities",
        "18s used, 1m 42s left",
        "2 done, 1 failed",
        "MRR 0.2500 (trial 0",
        "trial 3",
        "rotate, 64; step 1,500, 2s, MRR 0.1230",
    ):
        assert part in text


def test_the_live_display_counts_trials_where_the_budget_does() -> None:
    display = LiveDisplay()
    display.notify(StageStarted("full", 14, 1592, None, 5), 0.0, None)
    display.notify(TrialEnded("full", 0, 0.5, None, 1.0, True), 1.0, None)
    text = drawn(display)
    assert "1 done, 0 failed (1 of 5 of this stage)" in text
    assert "left" not in text


def test_the_live_display_takes_nothing_for_markup() -> None:
    display = LiveDisplay()
    display.notify(Note("[red]warm[/red] \x1b[2J"), 0.0, None)
    assert "[red]warm[/red] \\x1b[2J" in drawn(display)


def test_a_display_that_has_heard_nothing_can_be_drawn() -> None:
    assert "time" in drawn(LiveDisplay())


def test_the_best_of_the_subgraph_is_not_compared_with_the_full_graph() -> None:
    standing = Standing()
    standing.take(TrialEnded("subgraph", 0, 0.9, None, 1.0, True), 1.0, None)
    standing.take(StageStarted("full", 10, 10, None, None), 1.0, None)
    standing.take(TrialEnded("full", 0, 0.4, None, 1.0, True), 2.0, None)
    assert (standing.best, standing.done) == ((0.4, 0), 2)


def test_a_full_training_beside_the_subgraph_stage_is_told_apart() -> None:
    standing = Standing()
    standing.take(StageStarted("subgraph", 10, 10, None, None), 0.0, None)
    standing.take(TrialStarted("full", 0, {}), 0.0, None)
    standing.take(TrialStarted("subgraph", 0, {}), 0.0, None)
    assert len(standing.running) == 2
    standing.take(TrialEnded("full", 0, 0.5, None, 1.0, True), 1.0, None)
    standing.take(TrialEnded("subgraph", 0, 0.1, None, 1.0, True), 1.0, None)
    assert (standing.best, standing.done_in_stage, standing.done) == ((0.1, 0), 1, 2)
    standing.take(StageStarted("full", 10, 10, None, None), 1.0, None)
    assert standing.best == (0.5, 0)
    out = io.StringIO()
    lines = PlainLines(out)
    lines.notify(StageStarted("subgraph", 10, 10, None, None), 0.0, None)
    lines.notify(TrialEnded("full", 0, 0.5, None, 1.0, True), 1.0, None)
    assert "trial 0 (full graph): MRR 0.5000" in out.getvalue()


def test_a_pipe_gets_lines_and_a_terminal_gets_a_display(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = io.StringIO()
    with watching(pipe) as observer:
        assert isinstance(observer, PlainLines)
    monkeypatch.setenv("TERM", "xterm")
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    with watching(terminal) as observer:
        assert isinstance(observer, LiveDisplay)
        tell(observer)
    assert "2 done, 1 failed" in terminal.getvalue()


def test_a_training_tells_each_validation() -> None:
    assert (
        validation_line(CurvePoint(2500, 61.0, 0.51234, 0.4))
        == "[1m 01s] step 2,500: MRR 0.4000, loss 0.5123"
    )
