"""The reliability figure: of triples that got a probability, which share is true?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from kgtuner.errors import ConfigError, DataError
from kgtuner.files import replacing
from kgtuner.registry import unknown

if TYPE_CHECKING:
    from kgtuner.prediction import Calibration

ENDINGS = (".svg", ".png", ".pdf")
BLUE, GREY = "#1f5fa8", "#8a8a8a"


def drawable(path: str | Path) -> None:
    """Say before the work begins that a figure could not be drawn.

    Raises:
        ConfigError: for an unknown ending, or without matplotlib.
        DataError: if there is no such folder.
    """
    path = Path(path)
    if path.suffix.lower() not in ENDINGS:
        raise ConfigError(f"{path}: {unknown('figure ending', path.suffix, ENDINGS)}")
    if not path.parent.is_dir():
        raise DataError(f"there is no folder {path.parent} to draw {path.name} in; make it first")
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise ConfigError(
            "figures need matplotlib, which is not installed: pip install 'kgtuner[figures]'"
        ) from None


def save_reliability(calibration: Calibration, path: str | Path) -> None:
    """Draw the share of true triples over the mean probability of each bin, before and after calibration.

    Above, points on the diagonal are probabilities that are right; below, where the calibrated ones lie.

    Raises:
        ConfigError, DataError: as `drawable`.
        RunError: when the file cannot be written.
    """
    drawable(path)
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    after = calibration.after[calibration.method]
    figure = Figure(figsize=(4.5, 5.2), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    above.plot([0, 1], [0, 1], color="#cccccc", linewidth=1, zorder=0)
    for name, judged, colour, marker in (
        ("sigmoid of the score", calibration.before, GREY, "s"),
        (f"calibrated ({calibration.method})", after, BLUE, "o"),
    ):
        label = f"{name}: error {judged.calibration_error:.3f}, Brier {judged.brier:.3f}"
        points = [(b.mean, b.true) for b in judged.bins]
        above.plot(*zip(*points, strict=True), color=colour, marker=marker, markersize=4, label=label)
    above.set(xlim=(0, 1), ylim=(0, 1), ylabel="share of true triples")
    above.legend(loc="upper left", frameon=False, fontsize=8)
    below.bar(
        [b.low for b in after.bins], [b.share for b in after.bins], 0.1, align="edge", color=BLUE, alpha=0.6
    )
    below.set(xlabel="probability", ylabel="triples")
    target = Path(path)
    with replacing(target) as partial, rc_context({"svg.hashsalt": "reliability"}):  # the same ids each time
        figure.savefig(partial, format=target.suffix[1:].lower(), metadata=_undated(target))


def _undated(path: Path) -> dict[str, None]:
    """The same run gives the same file."""
    return {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(path.suffix.lower(), {})
