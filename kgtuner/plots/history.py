"""The best value so far over the clock of the budget, with the stages marked."""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING, Any

from kgtuner.plots.style import (
    FAILED_COLOUR,
    STAGE_COLOURS,
    fidelity_title,
    measured,
    metric_axis,
    new_figure,
    notice,
    rounded,
    sign,
)

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go


DASHES = ("solid", "dash", "dot", "dashdot")  # one a subgraph
PRINTED = {"solid": "-", "dash": "--", "dot": ":", "dashdot": "-."}


def standing(trials: pd.DataFrame, metric: str) -> pd.DataFrame:
    """The measured trials in the order in which they ended.

    Returns:
        Columns stage, fidelity, number, elapsed (seconds of the budget used), shown (the metric), best (the best of
        the stage so far, on the same graph).
    """
    rows = measured(trials)
    rows = rows[rows["elapsed"].notna()].sort_values("elapsed", kind="stable")
    table = rows[["stage", "number", "elapsed"]].copy()
    table["fidelity"] = rows["fidelity"] if "fidelity" in rows else rows["stage"]
    table["shown"] = sign(metric) * rows["value"].astype(float)
    best = rows["value"].astype(float).groupby([table["stage"], table["fidelity"]]).cummax()
    table["best"] = sign(metric) * best
    return table


def lines(table: pd.DataFrame) -> list[tuple[str, str, str, pd.DataFrame]]:
    """Stage, title, dash of the line and rows of each graph in a `standing`."""
    several = table[table["stage"] == "subgraph"]["fidelity"].nunique() > 1
    found, dashes = [], cycle(DASHES)
    for (stage, fidelity), rows in table.groupby(["stage", "fidelity"], sort=False):
        dash = next(dashes) if stage == "subgraph" else DASHES[0]
        found.append((str(stage), fidelity_title(str(stage), str(fidelity), several), dash, rows))
    return found


def spans(trials: pd.DataFrame) -> list[tuple[str, float, float]]:
    """When each stage was at work, as (stage, from, to) in seconds of the budget, from the trials' ends."""
    rows = trials[trials["elapsed"].notna()].sort_values("elapsed", kind="stable")
    found: list[tuple[str, float, float]] = []
    for stage, end in zip(rows["stage"].tolist(), rows["elapsed"].tolist(), strict=True):
        if found and found[-1][0] == stage:
            found[-1] = (stage, found[-1][1], end)
        else:
            found.append((stage, found[-1][2] if found else 0.0, end))
    return found


def failures(trials: pd.DataFrame) -> pd.DataFrame:
    """Trials without a value, each at the time of the trial before it, as nothing says when it ended."""
    order = trials.assign(elapsed=trials["elapsed"].astype(float).ffill().fillna(0.0))
    return order[order["state"] == "failed"]


def history_figure(trials: pd.DataFrame, metric: str = "mrr") -> go.Figure:
    """Every trial as a point, the best so far as a line for each stage.

    Args:
        trials: one row a trial, as `TuneResult.trials`.
        metric: what was maximised.
    """
    import plotly.graph_objects as go

    if not len(trials) or not len(measured(trials)):
        return notice("No trial has a value yet, so there is no best to follow.")
    table = standing(trials, metric)
    unit, unit_name = _unit(float(table["elapsed"].max()))
    figure = new_figure(x=f"budget used ({unit_name})", y=metric_axis(metric), height=400)
    for stage, begin, end in spans(trials):
        figure.add_vrect(
            x0=begin / unit, x1=end / unit, fillcolor=STAGE_COLOURS[stage], opacity=0.07, line_width=0
        )
    for stage, title, dash, rows in lines(table):
        colour = STAGE_COLOURS[stage]
        at = rounded(rows["elapsed"] / unit)
        figure.add_scatter(
            x=at, y=rounded(rows["shown"]), mode="markers", name=f"trials of {title}",
            marker={"color": colour, "size": 6, "opacity": 0.55}, customdata=rows["number"].tolist(),
            hovertemplate="trial %{customdata}: %{y:.4f}<extra></extra>",
        )  # fmt: skip
        last = float(table["elapsed"].max()) / unit
        end = max((e for s, _, e in spans(trials) if s == stage), default=last) / unit
        figure.add_scatter(
            x=[*at, end], y=[*rounded(rows["best"]), *rounded(rows["best"].tail(1))], mode="lines",
            name=f"best of {title}", line={"color": colour, "width": 2.5, "shape": "hv", "dash": dash},
            hovertemplate="best so far %{y:.4f}<extra></extra>",
        )  # fmt: skip
    lost = failures(trials)
    if len(lost):
        worst = float(table["shown"].max() if sign(metric) < 0 else min(0.0, table["shown"].min()))
        figure.add_trace(
            go.Scatter(
                x=rounded(lost["elapsed"] / unit), y=[worst] * len(lost), mode="markers", name="failed",
                marker={"color": FAILED_COLOUR, "symbol": "x", "size": 8},
                customdata=lost["number"].tolist(), hovertemplate="trial %{customdata} failed<extra></extra>",
            )
        )  # fmt: skip
    if metric == "mean_rank":
        figure.update_yaxes(type="log", autorange="reversed")
    return figure


def draw_history(axes: Any, trials: pd.DataFrame, metric: str = "mrr") -> None:
    """As `history_figure`, on a matplotlib axes."""
    table = standing(trials, metric)
    unit, unit_name = _unit(float(table["elapsed"].max()))
    for stage, begin, end in spans(trials):
        axes.axvspan(begin / unit, end / unit, color=STAGE_COLOURS[stage], alpha=0.07, linewidth=0)
    for stage, title, dash, rows in lines(table):
        colour = STAGE_COLOURS[stage]
        axes.plot(rows["elapsed"] / unit, rows["shown"], ".", color=colour, alpha=0.5)
        axes.step(
            rows["elapsed"] / unit, rows["best"], where="post", color=colour,
            label=f"best of {title}", linestyle=PRINTED[dash],
        )  # fmt: skip
    axes.set_xlabel(f"budget used ({unit_name})")
    axes.set_ylabel(metric_axis(metric))
    if metric == "mean_rank":
        axes.set_yscale("log")
        axes.invert_yaxis()
    axes.legend(frameon=False)


def _unit(seconds: float) -> tuple[float, str]:
    if seconds > 3 * 3600:
        return 3600.0, "hours"
    return (60.0, "minutes") if seconds > 180 else (1.0, "seconds")
