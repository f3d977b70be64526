"""The table of events: what is in it, and what a kill, a spreadsheet or another sitting can do to it."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from kgtuner.errors import RunError
from kgtuner.tracking.events_file import COLUMNS, EventsFile, read_events
from kgtuner.tuning.events import (
    Event,
    Note,
    RunEnded,
    RunStarted,
    StageStarted,
    TrialEnded,
    TrialProgress,
    TrialStarted,
)

EVENTS: list[Event] = [
    RunStarted(Path("runs/x"), "world", {"metric": "mrr"}, resumed=False),
    StageStarted("subgraph", 10, 40, None, 2),
    TrialStarted("subgraph", 0, {"model.name": "rotate", "model.dimension": 8}),
    TrialProgress("subgraph", 0, 500, 1.5, 0.25, 0.75),
    TrialProgress("subgraph", 0, 1000, 3.0, 0.375),
    TrialEnded("subgraph", 0, 0.375, None, 3.25, True),
    TrialStarted("subgraph", 1, {}),
    TrialEnded("subgraph", 1, None, "diverged: the loss is nan", 1.0, False),
    Note("nothing else"),
    RunEnded("trials", {}, {"mrr": 0.375}, {"mrr": 0.3}),
]

ENDLESS = """
import sys
from pathlib import Path
from kgtuner.tracking.events_file import EventsFile
from kgtuner.tuning.events import TrialProgress
file = EventsFile(Path(sys.argv[1]))
for step in range(10**9):
    file.notify(TrialProgress("full", 0, step, 1.0, 0.5, 0.5), 1.0, None)
    if step == 20:
        print("under way", flush=True)
"""


def tell(path: Path, *events: Event) -> None:
    file = EventsFile(path)
    for elapsed, event in enumerate(events):
        file.notify(event, float(elapsed), None)


def test_every_event_is_a_row_and_the_validations_are_the_learning_curves(tmp_path: Path) -> None:
    tell(tmp_path / "events.csv", *EVENTS)
    frame = read_events(tmp_path / "events.csv")
    assert frame.event.tolist() == [
        "run_started", "stage_started", "trial_started", "validation", "validation", "trial_ended", "trial_started",
        "trial_ended", "note", "run_ended",
    ]  # fmt: skip
    assert frame.elapsed.tolist() == [float(i) for i in range(10)]
    curve = frame[frame.event == "validation"]
    assert curve[["stage", "trial", "step", "seconds", "metric"]].values.tolist() == [
        ["subgraph", 0, 500, 1.5, 0.25],
        ["subgraph", 0, 1000, 3.0, 0.375],
    ]
    assert curve.loss.iloc[0] == 0.75
    assert curve.loss.isna().tolist() == [False, True]
    assert frame.text.iloc[7] == "diverged: the loss is nan"
    assert frame.metric.isna().iloc[7]
    assert frame.text.iloc[2] == '{"model.name": "rotate", "model.dimension": 8}'


def test_a_mean_rank_stands_there_as_it_was_measured(tmp_path: Path) -> None:
    started = RunStarted(Path("runs/x"), "world", {"metric": "mean_rank"}, resumed=False)
    ended = TrialEnded("full", 0, -12.5, None, 1.0, True)
    tell(tmp_path / "events.csv", started, TrialProgress("full", 0, 1, 1.0, -20.0, 0.1), ended)
    assert read_events(tmp_path / "events.csv").metric.tolist()[1:] == [20.0, 12.5]


def test_whoever_is_told_more_finds_the_line_in_the_file_already(tmp_path: Path) -> None:
    file = EventsFile(tmp_path / "events.csv")
    for lines, event in enumerate(EVENTS, start=2):  # with the header
        file.notify(event, 0.0, None)
        assert (tmp_path / "events.csv").read_bytes().count(b"\n") == lines


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("  =1", "'  =1"),
        ("\t=1", "\\t=1"),
        ("two\nlines\r", "two\\nlines\\r"),
        ("\x1b[2J", "\\x1b[2J"),
        ("turned \u202e round", "turned \\u202e round"),
        ("half \udc80 a character", "half \\udc80 a character"),
        ('a "quoted", word', 'a "quoted", word'),
        ("Île-de-France", "Île-de-France"),
    ],
)
def test_hostile_text_is_neither_a_formula_nor_another_line(text: str, cell: str, tmp_path: Path) -> None:
    tell(tmp_path / "events.csv", Note(text), Note("after"))
    with open(tmp_path / "events.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["text"] for row in rows] == [cell, "after"]


def test_names_of_a_graph_and_choices_of_a_space_are_text_as_well(tmp_path: Path) -> None:
    started = RunStarted(Path("runs/x"), "=cmd|' /C calc'!A0", {"metric": "mrr"}, resumed=True)
    tell(tmp_path / "events.csv", started, TrialStarted("full", 0, {"=a\n": "=b"}))
    frame = read_events(tmp_path / "events.csv")
    assert frame.text.tolist() == ["'=cmd|' /C calc'!A0, mrr, resumed", '{"=a\\n": "=b"}']


def test_a_resumed_run_appends(tmp_path: Path) -> None:
    tell(tmp_path / "events.csv", Note("one"))
    tell(tmp_path / "events.csv", Note("two"))
    assert read_events(tmp_path / "events.csv").text.tolist() == ["one", "two"]
    assert (tmp_path / "events.csv").read_text().count("event,stage") == 1


@pytest.mark.parametrize("torn", ["validation,full,0,10", 'note,,,,,,,1.0,"half a quo', "v"])
def test_a_torn_last_line_is_skipped_by_readers_and_replaced_by_writers(torn: str, tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    tell(path, Note("one"))
    with open(path, "a") as file:
        file.write(torn)
    assert read_events(path).text.tolist() == ["one"]
    tell(path, Note("two"))
    assert read_events(path).text.tolist() == ["one", "two"]


def test_a_torn_header_is_written_again(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_text("event,sta")
    assert read_events(path).empty
    tell(path, Note("one"))
    assert read_events(path).text.tolist() == ["one"]


def test_a_killed_writer_leaves_whole_lines_and_perhaps_a_torn_one(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    command = [sys.executable, "-c", ENDLESS, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "under way\n"
        os.kill(process.pid, signal.SIGKILL)
    steps = read_events(path).step.tolist()
    assert len(steps) > 20
    assert steps == list(range(len(steps)))


def test_no_file_and_another_file_are_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"events\.csv does not exist; runs of earlier versions have none"):
        read_events(tmp_path / "events.csv")
    (tmp_path / "events.csv").write_text("a,b\n1,2\n")
    with pytest.raises(RunError, match=r"has other columns than an events\.csv: a, b"):
        read_events(tmp_path / "events.csv")
    (tmp_path / "events.csv").write_text(",".join(COLUMNS) + "\n" + "x" * 3 + ",full,many,,,,,,\n")
    with pytest.raises(RunError, match=r"events\.csv cannot be read"):
        read_events(tmp_path / "events.csv")
