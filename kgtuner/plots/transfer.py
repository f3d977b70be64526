"""What the subgraph said about a configuration against what the full graph said."""

from __future__ import annotations

import math
from itertools import cycle
from typing import TYPE_CHECKING, Any

from kgtuner.plots.style import (
    PALETTE,
    STAGE_COLOURS,
    metric_axis,
    new_figure,
    notice,
    rounded,
    sign,
)

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

SYMBOLS = ("circle", "square", "diamond", "triangle-up")  # one a subgraph
LEAST = 3
FEW = 8
"""Pairs below which a rank correlation can be anything."""


def rank_correlation(pairs: pd.DataFrame) -> float | None:
    """Spearman's rank correlation of (subgraph, full), 1 when both order alike; None below three pairs or for ties."""
    from scipy.stats import spearmanr

    if len(pairs) < LEAST or pairs["subgraph"].nunique() < 2 or pairs["full"].nunique() < 2:
        return None
    value = float(spearmanr(pairs["subgraph"], pairs["full"]).statistic)
    return value if math.isfinite(value) else None


def by_fidelity(pairs: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """The pairs of each subgraph with its name, such as "core 20%"; values compare within one."""
    if "fidelity" not in pairs or not len(pairs):
        return [("", pairs)]
    return [(str(name), part) for name, part in pairs.groupby("fidelity", sort=False)]


def transfer_sentence(pairs: pd.DataFrame) -> str:
    """The correlation and how far it can be trusted; of each subgraph by itself where there are several."""
    parts = by_fidelity(pairs)
    if len(parts) > 1:
        return " ".join(f"{name}: {transfer_sentence(part)}" for name, part in parts)
    n = len(pairs)
    if n == 0:
        return "No configuration of the subgraph has been trained on the full graph."
    correlation = rank_correlation(pairs)
    configurations = f"{n} configuration{'s' if n > 1 else ''}"
    if correlation is None:
        return f"{configurations} went to the full graph: too few for a rank correlation."
    trust = f"; with fewer than {FEW} pairs this can be chance" if n < FEW else ""
    return f"Spearman's rank correlation over {configurations}: {correlation:.2f}{trust}."


def transfer_figure(pairs: pd.DataFrame, metric: str = "mrr") -> go.Figure:
    """One point a configuration that was trained on both graphs.

    Args:
        pairs: columns subgraph and full (values that were maximised), subgraph_trial, full_trial, default
            (whether it is the default configuration), and fidelity where there are several subgraphs.
        metric: what was maximised.
    """
    if len(pairs) < 2:
        return notice(transfer_sentence(pairs))
    axis = metric_axis(metric)
    figure = new_figure(x=f"{axis} on the subgraph", y=f"{axis} on the full graph")
    parts = by_fidelity(pairs)
    kinds = ((False, "found", STAGE_COLOURS["full"]), (True, "default", PALETTE[2]))
    for (fidelity, part), symbol in zip(parts, cycle(SYMBOLS), strict=False):
        for default, name, colour in kinds:
            rows = part[part["default"].astype(bool) == default]
            if not len(rows):
                continue
            where = f", {fidelity}" if len(parts) > 1 else ""
            figure.add_scatter(
                x=rounded(sign(metric) * rows["subgraph"]), y=rounded(sign(metric) * rows["full"]), mode="markers",
                name=f"{name} configuration{'s' if not default else ''}{where}",
                marker={"color": colour, "size": 9, "opacity": 0.8, "symbol": symbol},
                customdata=rows[["subgraph_trial", "full_trial"]].to_numpy().tolist(),
                hovertemplate="trial %{customdata[0]} of stage 1: %{x:.4f}<br>"
                "trial %{customdata[1]} of stage 2: %{y:.4f}<extra></extra>",
            )  # fmt: skip
    return figure


def draw_transfer(axes: Any, pairs: pd.DataFrame, metric: str = "mrr") -> None:
    """As `transfer_figure`, on a matplotlib axes."""
    parts, titles = by_fidelity(pairs), []
    for (fidelity, part), marker in zip(parts, cycle("osD^"), strict=False):
        where = f", {fidelity}" if len(parts) > 1 else ""
        for default, name in ((False, "found"), (True, "default")):
            rows = part[part["default"].astype(bool) == default]
            if len(rows):
                axes.plot(
                    sign(metric) * rows["subgraph"], sign(metric) * rows["full"], marker, linestyle="",
                    color=PALETTE[2] if default else STAGE_COLOURS["full"], label=f"{name}{where}",
                )  # fmt: skip
        correlation = rank_correlation(part)
        if correlation is not None:
            titles.append(f"Spearman {correlation:.2f}, n = {len(part)}{where}")
    axes.set_title("\n".join(titles), fontsize="medium")
    axes.set_xlabel(f"{metric_axis(metric)} on the subgraph")
    axes.set_ylabel(f"{metric_axis(metric)} on the full graph")
    axes.legend(frameon=False)
