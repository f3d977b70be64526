"""events.csv: everything that happens in a run as a table, the learning curves with it."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kgtuner.errors import RunError
from kgtuner.tuning.events import (
    Event,
    Note,
    RunEnded,
    RunStarted,
    StageStarted,
    TrialEnded,
    TrialProgress,
    TrialStarted,
    metric_of,
)

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("event", "stage", "trial", "step", "seconds", "metric", "loss", "elapsed", "text")
"""`event` is run_started, stage_started, trial_started, validation, trial_ended, note or run_ended; `seconds` are
of the training or the trial, `elapsed` those of the budget."""

FORMULA = ("=", "+", "-", "@")


class EventsFile:
    """Appends a line for each event, written out before the next one happens.

    After a kill the last line may be torn; whoever appends next takes it away, and `read_events` skips it.

    Args:
        path: the CSV file; made when it does not exist.
    """

    name = "events.csv"

    def __init__(self, path: Path) -> None:
        self.path = path
        self._metric = "mrr"
        self._begun = False

    def notify(self, event: Event, elapsed: float, remaining: float | None) -> None:
        """Append one line.

        Raises:
            OSError: when it cannot be written.
        """
        if isinstance(event, RunStarted):
            self._metric = str(event.settings.get("metric", "mrr"))
        if not self._begun:
            self._begin()
        self._append(self._row(event) | {"elapsed": _short(elapsed)})

    def _begin(self) -> None:
        """Take a torn line away, and write the header where nothing is left."""
        if self.path.exists():
            whole = _whole_lines(self.path.read_bytes())
            if len(whole) < self.path.stat().st_size:
                os.truncate(self.path, len(whole))
        if not self.path.exists() or self.path.stat().st_size == 0:
            self._append(dict(zip(COLUMNS, COLUMNS, strict=True)))
        self._begun = True

    def _append(self, row: Mapping[str, Any]) -> None:
        line = io.StringIO()
        csv.DictWriter(line, COLUMNS, lineterminator="\n").writerow(row)
        with open(self.path, "ab", buffering=0) as file:
            file.write(line.getvalue().encode("utf-8"))

    def _row(self, event: Event) -> dict[str, Any]:
        match event:
            case RunStarted():
                again = ", resumed" if event.resumed else ""
                return {"event": "run_started", "text": _cell(f"{event.graph}, {self._metric}{again}")}
            case StageStarted():
                size = f"{event.entities} entities, {event.triples} triples"
                return {"event": "stage_started", "stage": event.stage, "text": size}
            case TrialStarted():
                chosen = json.dumps(dict(event.assignment), ensure_ascii=False, default=str)
                return _of("trial_started", event) | {"text": _cell(chosen)}
            case TrialProgress():
                return _of("validation", event) | {
                    "step": event.step,
                    "seconds": _short(event.seconds),
                    "metric": metric_of(event.metric, self._metric),
                    "loss": event.loss,
                }
            case TrialEnded():
                return _of("trial_ended", event) | {
                    "seconds": _short(event.seconds),
                    "metric": None if event.value is None else metric_of(event.value, self._metric),
                    "text": _cell(event.reason or ""),
                }
            case Note():
                return {"event": "note", "text": _cell(event.message)}
            case RunEnded():
                value = (event.valid or {}).get(self._metric)
                return {"event": "run_ended", "metric": value, "text": event.stopped_by}


def read_events(path: str | Path) -> pd.DataFrame:
    """An events.csv as a table with the columns `COLUMNS`, without a last line that a kill has torn.

    The learning curves are the rows whose `event` is "validation".

    Raises:
        RunError: when there is none, or it is something else.
    """
    import pandas as pd

    try:
        whole = _whole_lines(Path(path).read_bytes())
        frame = pd.read_csv(
            io.BytesIO(whole or b",".join(name.encode() for name in COLUMNS)),
            dtype={"trial": "Int64", "step": "Int64", "event": str, "stage": str, "text": str},
            keep_default_na=False,
            na_values={name: [""] for name in ("trial", "step", "seconds", "metric", "loss", "elapsed")},
        )
    except FileNotFoundError:
        raise RunError(f"{path} does not exist; runs of earlier versions have none") from None
    except (OSError, ValueError) as error:
        raise RunError(f"{path} cannot be read ({error}); restore it") from None
    if tuple(frame.columns) != COLUMNS:
        raise RunError(f"{path} has other columns than an events.csv: {', '.join(map(str, frame.columns))}")
    return frame


def _of(what: str, event: TrialStarted | TrialProgress | TrialEnded) -> dict[str, Any]:
    return {"event": what, "stage": event.stage, "trial": event.number}


def _whole_lines(content: bytes) -> bytes:
    return content[: content.rfind(b"\n") + 1]


def _cell(text: str) -> str:
    """Text on one line that no spreadsheet takes for a formula; what does not print becomes an escape."""
    printed = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
    return f"'{printed}" if printed.lstrip().startswith(FORMULA) else printed


def _short(seconds: float) -> float:
    return round(seconds, 3)
