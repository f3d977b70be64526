"""The effect of one hyper-parameter: its values against the metric, and how trials with each value rank.

The ranked bands follow the paper's study of single hyper-parameters (section 4.2 and figure 3 of
https://arxiv.org/abs/2205.02460): what matters is where configurations with a value stand among all others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from kgtuner.plots.style import (
    GRID_COLOUR,
    STAGE_COLOURS,
    jitter,
    label,
    measured,
    metric_axis,
    new_figure,
    notice,
    of_equal_time,
    placed,
    rounded,
    sign,
)

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

LEAST = 5
BINS = 5
SHARES = (0.1, 0.25, 0.5, 0.75, 0.9)


def effect_rows(trials: pd.DataFrame, name: str, stage: str) -> pd.DataFrame:
    """The trials of a stage to which a hyper-parameter applies, with `rank`: 0 for the best of all, 1 for the worst."""
    rows = of_equal_time(measured(trials, stage))
    if not len(rows) or name not in rows.columns:
        return rows.iloc[:0].assign(rank=[])
    ranks = rows["value"].astype(float).rank(ascending=False, method="average") - 1
    rows = rows.assign(rank=ranks / max(len(rows) - 1, 1))
    return rows[rows[name].notna()]


def bands(place: np.ndarray, rank: np.ndarray, continuous: bool) -> pd.DataFrame:
    """Quantiles of the rank for each value, or for each of five bins with equally many trials.

    Returns:
        Columns low, high (ends of the bin), n, and q10, q25, q50, q75, q90 of the rank.
    """
    import pandas as pd

    if continuous:
        edges = np.unique(np.quantile(place, np.linspace(0, 1, BINS + 1)))
        bins = np.clip(np.searchsorted(edges, place, side="right") - 1, 0, max(len(edges) - 2, 0))
        ends = [
            (float(edges[i]), float(edges[min(i + 1, len(edges) - 1)])) for i in range(max(len(edges) - 1, 1))
        ]
    else:
        bins = place.astype(int)
        ends = [(i - 0.35, i + 0.35) for i in range(int(bins.max()) + 1)]
    found = []
    for i, (low, high) in enumerate(ends):
        inside = rank[bins == i]
        if len(inside):
            quantiles = np.quantile(inside, SHARES)
            found.append((low, high, len(inside), *quantiles.tolist()))
    return pd.DataFrame(found, columns=["low", "high", "n", "q10", "q25", "q50", "q75", "q90"])


def effect_figure(trials: pd.DataFrame, name: str, metric: str = "mrr", stage: str = "subgraph") -> go.Figure:
    """Above: metric by value. Below: the rank of trials with this value, best at the top.

    Args:
        trials: one row a trial.
        name: dotted name of the hyper-parameter.
        metric: what was maximised.
        stage: "subgraph" or "full".
    """
    rows = effect_rows(trials, name, stage)
    if len(rows) < LEAST:
        return notice(
            f"{name} applies to {len(rows)} measured trial{'' if len(rows) == 1 else 's'} of this stage: "
            f"too few to show its effect (at least {LEAST})."
        )
    place, ticks, texts, continuous = placed(rows[name])
    figure = new_figure(y=metric_axis(metric), height=380)
    shift = np.zeros(len(rows)) if continuous else jitter(len(rows))
    figure.add_scatter(
        x=rounded(place + shift), y=rounded(sign(metric) * rows["value"].astype(float)), mode="markers",
        marker={"color": STAGE_COLOURS[stage], "size": 5, "opacity": 0.65}, showlegend=False,
        customdata=rows["number"].tolist(), hovertemplate="trial %{customdata}: %{y:.4f}<extra></extra>",
    )  # fmt: skip
    table = bands(place, rows["rank"].to_numpy(), continuous)
    centre, width = (table["low"] + table["high"]) / 2, table["high"] - table["low"]
    for low, high, opacity, title in (("q10", "q90", 0.25, "10–90 %"), ("q25", "q75", 0.5, "25–75 %")):
        figure.add_bar(
            x=rounded(centre), width=rounded(width * 0.94), base=rounded(table[low]),
            y=rounded(table[high] - table[low]), yaxis="y2", 
            marker={"color": STAGE_COLOURS[stage], "line": {"width": 0}},
            opacity=opacity, name=title, showlegend=False, hoverinfo="skip",
        )  # fmt: skip
    n = table["n"].tolist()
    figure.add_scatter(
        x=[v for ends in zip(rounded(table["low"]), rounded(table["high"]), strict=True) for v in (*ends, None)],
        y=[v for q in rounded(table["q50"]) for v in (q, q, None)], yaxis="y2", mode="lines", showlegend=False,
        line={"color": STAGE_COLOURS[stage], "width": 3}, customdata=[c for count in n for c in (count,) * 3],
        hovertemplate="median at %{y:.0%} from the best, %{customdata} trials<extra></extra>",
    )  # fmt: skip
    margin = 0.04 * max(max(ticks) - min(ticks), 1e-9) if continuous else 0.5
    ends = [float(np.nanmin(place)) - margin, float(np.nanmax(place)) + margin]
    if not continuous:
        ends = [-0.5, len(ticks) - 0.5]
    crowded = sum(map(len, texts)) > 38
    figure.update_layout(
        barmode="overlay",
        xaxis={
            "tickvals": ticks, "ticktext": [label(t) for t in texts], "range": ends, "anchor": "y2",
            "tickangle": 28 if crowded else 0, "ticklabeloverflow": "allow",
        },
        yaxis={"domain": [0.46, 1.0]},
        yaxis2={
            "domain": [0.0, 0.38], "range": [1.03, -0.03], "tickvals": [0, 0.5, 1],
            "ticktext": ["best", "median", "worst"], "gridcolor": GRID_COLOUR, "zeroline": False,
            "title": {"text": "rank"}, "automargin": True,
        },
    )  # fmt: skip
    return figure


def draw_effect(
    above: Any, below: Any, trials: pd.DataFrame, name: str, metric: str = "mrr", stage: str = "subgraph"
) -> None:
    """As `effect_figure`, on two matplotlib axes."""
    rows = effect_rows(trials, name, stage)
    place, ticks, texts, continuous = placed(rows[name])
    shift = np.zeros(len(rows)) if continuous else jitter(len(rows))
    colour = STAGE_COLOURS[stage]
    above.plot(place + shift, sign(metric) * rows["value"].astype(float), ".", color=colour, alpha=0.5)
    table = bands(place, rows["rank"].to_numpy(), continuous)
    centre, width = (table["low"] + table["high"]) / 2, (table["high"] - table["low"]) * 0.94
    for low, high, opacity in (("q10", "q90", 0.25), ("q25", "q75", 0.5)):
        below.bar(
            centre,
            table[high] - table[low],
            width,
            bottom=table[low],
            color=colour,
            alpha=opacity,
            linewidth=0,
        )
    below.hlines(table["q50"], table["low"], table["high"], color=colour, linewidth=2)
    below.set_ylim(1.03, -0.03)
    below.set_yticks([0, 0.5, 1], ["best", "median", "worst"])
    above.set_ylabel(metric_axis(metric))
    below.set_ylabel("rank")
    for axes in (above, below):
        axes.set_xticks(ticks, texts, rotation=20 if max(map(len, texts)) > 9 else 0)
    above.tick_params(labelbottom=False)
    above.set_title(name, fontsize="medium")
