from __future__ import annotations

from pathlib import Path

import pytest

from kgtuner.errors import ConfigError, DataError
from kgtuner.prediction.calibration import Calibration
from kgtuner.prediction.curves import Platt
from kgtuner.prediction.reliability import Bin, Reliability
from kgtuner.prediction.thresholds import Thresholds
from kgtuner.report.reliability_figure import drawable, save_reliability

pytest.importorskip("matplotlib")

JUDGED = Reliability(0.1, 0.2, (Bin(0.0, 0.1, 0.5, 0.05, 0.1), Bin(0.9, 1.0, 0.5, 0.95, 0.8)))
CALIBRATION = Calibration(
    method="platt",
    shared=Platt(1.0, 0.0),
    own={},
    before=JUDGED,
    after={"platt": JUDGED, "isotonic": JUDGED},
    thresholds=Thresholds(0.0, {}),
    validation_triples=10,
    corruptions=80,
)


@pytest.mark.parametrize(("ending", "begins"), [(".svg", b"<?xml"), (".png", b"\x89PNG"), (".pdf", b"%PDF")])
def test_it_is_drawn_and_drawn_the_same_again(ending: str, begins: bytes, tmp_path: Path) -> None:
    paths = [tmp_path / f"{name}{ending}" for name in "ab"]
    for path in paths:
        save_reliability(CALIBRATION, path)
    one, same = (path.read_bytes() for path in paths)
    assert one.startswith(begins)
    assert one == same


def test_what_cannot_be_drawn_is_said_before(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"unknown figure ending '.gif'.*\.svg, \.png, \.pdf"):
        drawable(tmp_path / "a.gif")
    with pytest.raises(DataError, match="there is no folder .*nowhere to draw a.svg in"):
        drawable(tmp_path / "nowhere" / "a.svg")
