"""All configurations of a stage at once: an axis for each hyper-parameter, a line for each trial."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from kgtuner.plots.style import (
    METRIC_TITLES,
    colour_at,
    label,
    measured,
    new_figure,
    notice,
    of_equal_time,
    placed,
    sign,
    varied,
)
from kgtuner.types import FloatArray

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

LEAST = 3
CLASSES = 5
ABSENT = -0.14
"""Height of a hyper-parameter that does not apply, below its axis."""


@dataclass(frozen=True)
class Axes:
    """Lines over axes.

    Attributes:
        names: of the axes, the metric last.
        heights: (trials, axes) in 0..1, `ABSENT` where a hyper-parameter does not apply.
        ticks: for each axis (height, text).
        classes: (trials,) 0 for the worst fifth up to 4 for the best fifth.
    """

    names: list[str]
    heights: FloatArray
    ticks: list[list[tuple[float, str]]]
    classes: np.ndarray


def axes_of(trials: pd.DataFrame, stage: str, metric: str, names: Sequence[str] | None = None) -> Axes | None:
    """The lines of a stage's measured trials; None where there are too few, or nothing varies."""
    rows = of_equal_time(measured(trials, stage))
    names = [name for name in (names if names is not None else varied(rows)) if name in rows.columns]
    names = [name for name in names if rows[name].nunique() > 1]
    if len(rows) < LEAST or not names:
        return None
    heights, ticks = [], []
    for name in names:
        place, at, texts, _ = placed(rows[name])
        low = min(np.nanmin(place), min(at) if len(at) < 9 else np.inf)
        high = max(np.nanmax(place), max(at) if len(at) < 9 else -np.inf)
        span = max(high - low, 1e-12)
        heights.append(np.where(np.isfinite(place), (place - low) / span, ABSENT))
        ticks.append([((a - low) / span, text) for a, text in zip(at, texts, strict=True)])
    value = rows["value"].astype(float).to_numpy()
    span = max(value.max() - value.min(), 1e-12)
    heights.append((value - value.min()) / span)
    shown = [sign(metric) * v for v in np.linspace(value.min(), value.max(), 5)]
    ticks.append([(i / 4, f"{v:.3f}" if metric != "mean_rank" else f"{v:,.0f}") for i, v in enumerate(shown)])
    order = np.argsort(np.argsort(value, kind="stable"), kind="stable")
    classes = np.minimum(order * CLASSES // len(value), CLASSES - 1)
    return Axes([*names, METRIC_TITLES.get(metric, metric)], np.array(heights).T, ticks, classes)


def parallel_figure(
    trials: pd.DataFrame, metric: str = "mrr", stage: str = "subgraph", names: Sequence[str] | None = None
) -> go.Figure:
    """Lines in five colours, the best fifth of the trials in the strongest.

    Args:
        trials: one row a trial.
        metric: what was maximised.
        stage: "subgraph" or "full".
        names: hyper-parameters in this order; by default all that vary.
    """
    lines = axes_of(trials, stage, metric, names)
    if lines is None:
        return notice(
            f"Fewer than {LEAST} measured trials of this stage, or all alike: there is nothing to compare."
        )
    figure = new_figure(height=460)
    n = len(lines.names)
    for c in range(CLASSES):
        chosen = lines.heights[lines.classes == c]
        if not len(chosen):
            continue
        x = [*map(float, range(n)), None] * len(chosen)
        y = [v for line in np.round(chosen, 3).tolist() for v in (*line, None)]
        title = {0: "worst fifth", CLASSES - 1: "best fifth"}.get(c, f"fifth {c + 1}")
        figure.add_scatter(
            x=x, y=y, mode="lines", name=title, hoverinfo="skip",
            line={"color": colour_at(c / (CLASSES - 1)), "width": 2 if c == CLASSES - 1 else 1},
            opacity=0.9 if c == CLASSES - 1 else 0.35,
        )  # fmt: skip
    texts = [
        {
            "x": i, "y": height, "text": label(text), "showarrow": False, "xanchor": "left", "xshift": 3,
            "font": {"size": 10},
        }
        for i, ticks in enumerate(lines.ticks)
        for height, text in ticks
        if -0.001 <= height <= 1.001
    ]  # fmt: skip
    if (lines.heights == ABSENT).any():
        texts.append(
            {"x": -0.1, "y": ABSENT, "text": "does not apply", "showarrow": False, "xanchor": "right",
             "font": {"size": 10}}
        )  # fmt: skip
    upright = {"type": "line", "y0": 0, "y1": 1, "line": {"color": "rgba(128,128,128,0.7)", "width": 1}}
    # At once: adding them one by one takes plotly a second.
    figure.update_layout(annotations=texts, shapes=[{**upright, "x0": i, "x1": i} for i in range(n)])
    figure.update_xaxes(
        tickvals=list(range(n)), ticktext=[label(name).replace(".", ".<br>") for name in lines.names],
        showgrid=False, range=[-0.35, n - 0.4],
    )  # fmt: skip
    figure.update_yaxes(visible=False, range=[ABSENT - 0.05, 1.05])
    return figure


def draw_parallel(axes: Any, trials: pd.DataFrame, metric: str = "mrr", stage: str = "subgraph") -> None:
    """As `parallel_figure`, on a matplotlib axes."""
    lines = axes_of(trials, stage, metric)
    assert lines is not None
    for c in range(CLASSES):
        for line in lines.heights[lines.classes == c]:
            best = c == CLASSES - 1
            axes.plot(
                range(len(line)), line, color=colour_at(c / (CLASSES - 1)), linewidth=1.2 if best else 0.6,
                alpha=0.9 if best else 0.3, zorder=c,
            )  # fmt: skip
    for i, ticks in enumerate(lines.ticks):
        axes.axvline(i, color="0.5", linewidth=0.6)
        for height, text in ticks:
            if -0.001 <= height <= 1.001:
                axes.text(i + 0.04, height, text, fontsize="xx-small", va="center")
    axes.set_xticks(
        range(len(lines.names)), [name.replace(".", ".\n") for name in lines.names], fontsize="x-small"
    )
    axes.set_yticks([])
    axes.set_ylim(ABSENT - 0.05, 1.05)
