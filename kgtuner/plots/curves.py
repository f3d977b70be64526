"""Learning curves: validation over the seconds of a training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kgtuner.plots.style import PALETTE, QUIET_COLOUR, metric_axis, new_figure, notice, rounded, sign

if TYPE_CHECKING:
    import plotly.graph_objects as go

HIGHLIGHTED = 6
QUIET = 40
"""Curves beside the best ones, in grey."""


def training_curve(report: Mapping[str, Any]) -> dict[str, Any]:
    """The curve of a training of its own, from `RunResult.to_mapping()`, as `curves_figure` takes it."""
    points = report["curve"]
    return {
        "number": 0,
        "value": report["best"],
        "default": False,
        "seconds": [point["seconds"] for point in points],
        "metric": [point["metric"] for point in points],
        "steps": [point["step"] for point in points],
    }


def training_figure(report: Mapping[str, Any]) -> go.Figure:
    """Validation over the seconds of one training, from `RunResult.to_mapping()`."""
    if len(report["curve"]) < 2:
        return notice("The training has validated once, so there is no curve to draw.")
    return curves_figure([training_curve(report)], str(report["metric"]))


def curves_figure(curves: Sequence[Mapping[str, Any]], metric: str = "mrr") -> go.Figure:
    """The best trainings in colour, others in grey.

    Args:
        curves: for each training number, value (maximised), default, seconds and metric (lists; the metric as it was
            maximised), steps; in any order.
        metric: what was maximised.
    """
    drawn = [c for c in _best_first(curves) if len(c["seconds"]) > 1]
    if not drawn:
        return notice("No training of this stage has validated twice, so there is no curve to draw.")
    figure = new_figure(x="seconds of training", y=f"{metric_axis(metric)} on validation")
    quiet = drawn[HIGHLIGHTED : HIGHLIGHTED + QUIET]
    if quiet:
        figure.add_scatter(
            x=[v for c in quiet for v in (*rounded(c["seconds"], 4), None)],
            y=[v for c in quiet for v in (*rounded([sign(metric) * m for m in c["metric"]], 4), None)],
            mode="lines", line={"color": QUIET_COLOUR, "width": 1}, name=f"{len(quiet)} others", hoverinfo="skip",
        )  # fmt: skip
    for curve, colour in zip(drawn[:HIGHLIGHTED], PALETTE, strict=False):
        figure.add_scatter(
            x=rounded(curve["seconds"], 4), y=rounded([sign(metric) * m for m in curve["metric"]], 4),
            mode="lines+markers", name=_title(curve), line={"color": colour, "width": 2}, marker={"size": 4},
            customdata=[f"{s:,}" for s in curve["steps"]],
            hovertemplate="step %{customdata}, %{x:.3g} s: %{y:.4f}",
        )  # fmt: skip
    if metric == "mean_rank":
        figure.update_yaxes(type="log", autorange="reversed")
    return figure


def draw_curves(axes: Any, curves: Sequence[Mapping[str, Any]], metric: str = "mrr") -> None:
    """As `curves_figure`, on a matplotlib axes."""
    drawn = [c for c in _best_first(curves) if len(c["seconds"]) > 1]
    for curve in drawn[HIGHLIGHTED : HIGHLIGHTED + QUIET]:
        axes.plot(curve["seconds"], [sign(metric) * m for m in curve["metric"]], color="0.75", linewidth=0.6)
    for curve, colour in zip(drawn[:HIGHLIGHTED], PALETTE, strict=False):
        axes.plot(
            curve["seconds"], [sign(metric) * m for m in curve["metric"]], color=colour, label=_title(curve)
        )
    axes.set_xlabel("seconds of training")
    axes.set_ylabel(f"{metric_axis(metric)} on validation")
    axes.legend(frameon=False, fontsize="small")


def _best_first(curves: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return sorted(curves, key=lambda c: -c["value"])


def _title(curve: Mapping[str, Any]) -> str:
    return f"trial {curve['number']}" + (" (default)" if curve["default"] else "")
