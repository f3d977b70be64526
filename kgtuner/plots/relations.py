"""How well each relation is predicted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kgtuner.plots.style import PALETTE, label, new_figure, notice, rounded

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

SHOWN = 30
CATEGORY_COLOURS = {"1-1": PALETTE[0], "1-N": PALETTE[1], "N-1": PALETTE[2], "N-N": PALETTE[3]}
LONGEST = 36


def relations_figure(table: pd.DataFrame) -> go.Figure:
    """MRR of the most frequent relations, the best on top, coloured by category.

    Args:
        table: columns name, category ("1-1", "1-N", "N-1", "N-N"), mrr, count (ranked queries). Names are shown
            as they are: control characters are the caller's to replace.
    """
    rows = shown_relations(table)
    if not len(rows):
        return notice("No relation has been ranked yet.")
    figure = new_figure(x="MRR", height=110 + 20 * len(rows))
    names = [_cut(name) for name in rows["name"]]
    for category, colour in CATEGORY_COLOURS.items():
        of = (rows["category"] == category).to_numpy()
        if not of.any():
            continue
        figure.add_bar(
            x=rounded(rows["mrr"][of]), y=[i for i, one in enumerate(of) if one], orientation="h", name=category,
            width=0.72, marker={"color": colour},
            customdata=[[label(n), f"{c:,}"] for n, c in zip(rows["name"][of], rows["count"][of], strict=True)],
            hovertemplate="%{customdata[0]}: %{x:.3f} over %{customdata[1]} queries<extra></extra>",
        )  # fmt: skip
    figure.update_xaxes(range=[0, 1.02])
    figure.update_yaxes(
        tickvals=list(range(len(rows))), ticktext=[label(name) for name in names], showgrid=False,
        range=[-0.6, len(rows) - 0.4],
    )  # fmt: skip
    return figure


def shown_relations(table: pd.DataFrame) -> pd.DataFrame:
    """The most frequent relations, from the worst to the best."""
    if not len(table):
        return table
    frequent = table.sort_values("count", ascending=False, kind="stable").head(SHOWN)
    return frequent.sort_values("mrr", kind="stable").reset_index(drop=True)


def draw_relations(axes: Any, table: pd.DataFrame) -> None:
    """As `relations_figure`, on a matplotlib axes."""
    rows = shown_relations(table)
    colours = [CATEGORY_COLOURS.get(category, "0.5") for category in rows["category"]]
    axes.barh(range(len(rows)), rows["mrr"], 0.72, color=colours)
    # parse_math: a name with two dollar signs is no formula.
    axes.set_yticks(range(len(rows)), [_cut(name) for name in rows["name"]], parse_math=False)
    axes.set_xlim(0, 1)
    axes.set_xlabel("MRR")
    for category, colour in CATEGORY_COLOURS.items():
        if (rows["category"] == category).any():
            axes.barh([0], [0], color=colour, label=category)
    axes.legend(frameon=False, fontsize="small")


def _cut(name: str) -> str:
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"
