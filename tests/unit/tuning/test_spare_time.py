"""What a free slot is given, decided from curves and clocks that can be followed by hand."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import optuna
import pytest
from optuna.trial import create_trial

from kgtuner.execution.storage import RESULT
from kgtuner.tuning import spare_time
from kgtuner.tuning.kept_models import AGAIN
from kgtuner.tuning.schedule import Schedule
from kgtuner.tuning.spare_time import Beside, Moves
from kgtuner.types import INTERRUPTED

SCHEDULE = Schedule.of(1000.0, 0.5, two_stages=False)
FLAT = [(50, 0.5), (100, 0.5)]
RISING = [(50, 0.3), (100, 0.5)]


class Spare:
    """One slot with 600 s left and one finished trial of 80 s; notes what is begun there."""

    def __init__(
        self, checkpoint: Path, monkeypatch: pytest.MonkeyPatch, curve: list[tuple[int, float]]
    ) -> None:
        self.begun: list[str] = []
        self.asked: list[tuple[float, float]] = []
        self.study = optuna.create_study(direction="maximize")
        self.checkpoint = checkpoint
        checkpoint.write_text("")
        self.add(curve, 0.5)
        self.run: Any = SimpleNamespace(
            elapsed=0.0,
            under_way=[],
            root=lambda study, trial: trial,
            checkpoint_path=lambda trial: self.checkpoint,
        )
        monkeypatch.setattr(spare_time, "go_on", lambda *_, **__: self.begun.append("goes on"))
        monkeypatch.setattr(spare_time, "begin_new", lambda *_: self.begun.append("new"))

    def add(self, curve: list[tuple[int, float]], value: float, **notes: Any) -> None:
        result = {
            "curve": [{"step": step, "metric": metric} for step, metric in curve],
            "seconds": 80.0,
            "steps": 100,
            "stopped_by": "max_seconds",
        }
        self.study.add_trial(create_trial(value=value, user_attrs={RESULT: result} | notes))

    def move(self, slot: float, rest: float) -> None:
        """No move is left, however much time there is."""
        self.asked.append((slot, rest))

    def offer(self, of: type[Beside], ends_at: float = 600.0) -> bool:
        plan: Any = None
        search: Any = self
        return of(self.run, plan, self.study, search, SCHEDULE).offer(ends_at)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return tmp_path / "checkpoint"


def test_a_best_that_still_rises_goes_on_before_anything_is_moved(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spare = Spare(checkpoint, monkeypatch, RISING)
    assert spare.offer(Moves)
    assert (spare.begun, spare.asked) == (["goes on"], [])


def test_a_move_has_the_time_in_which_the_best_was_at_its_best_and_a_quarter_more(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spare = Spare(checkpoint, monkeypatch, FLAT)
    assert spare.offer(Moves)
    ((slot, rest),) = spare.asked
    assert slot == pytest.approx(0.7 + 1.25 * 40)
    assert slot > SCHEDULE.full_slot
    assert rest == 600.0
    assert spare.begun == ["goes on"]  # where no move is left


@pytest.mark.parametrize(("notes", "begun"), [({}, "new"), ({INTERRUPTED: True}, "goes on")])
def test_the_best_goes_on_once_unless_that_was_cut_off(
    notes: dict[str, Any], begun: str, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spare = Spare(checkpoint, monkeypatch, RISING)
    spare.add(FLAT, 0.4, **{AGAIN: 0}, **notes)
    assert spare.offer(Moves)
    assert spare.begun == [begun]


def test_a_best_whose_checkpoint_is_gone_makes_room_for_something_new(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spare = Spare(checkpoint, monkeypatch, RISING)
    checkpoint.unlink()
    assert spare.offer(Moves)
    assert spare.begun == ["new"]


def test_nothing_begins_beside_nothing_or_without_time(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spare = Spare(checkpoint, monkeypatch, RISING)
    assert not spare.offer(Beside)
    spare.run.under_way = [object()]
    assert not spare.offer(Beside, ends_at=1.0)
    assert not spare.offer(Moves, ends_at=1.0)
    assert spare.begun == []
    assert spare.offer(Beside)
    assert spare.begun == ["new"]
