"""Where the time went."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kgtuner.plots.style import FAILED_COLOUR, PALETTE, label, new_figure, notice, rounded

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

COLOURS = {
    "training": PALETTE[0],
    "validation": PALETTE[2],
    "failed trials": FAILED_COLOUR,
    "interrupted trials": PALETTE[5],
    "proposing, starting, stopping": PALETTE[1],
    "preparation, test": PALETTE[3],
}


def spending_figure(table: pd.DataFrame) -> go.Figure:
    """One bar a stage, divided by what the time was for.

    Args:
        table: columns part (stage), what (a key of `COLOURS`), seconds.
    """
    table = table[table["seconds"] > 0]
    if not len(table):
        return notice("No time has been spent yet.")
    parts = list(dict.fromkeys(table["part"]))
    figure = new_figure(x="seconds", height=150 + 42 * len(parts))
    for what, colour in COLOURS.items():
        rows = table[table["what"] == what].set_index("part")["seconds"]
        if len(rows):
            figure.add_bar(
                x=rounded(rows.tolist(), 4), y=[label(part) for part in rows.index], orientation="h", name=what,
                marker={"color": colour}, hovertemplate="%{x:,.1f} s",
            )  # fmt: skip
    figure.update_layout(barmode="stack", bargap=0.35, legend={"traceorder": "normal"})
    figure.update_yaxes(
        categoryorder="array", categoryarray=[label(p) for p in reversed(parts)], showgrid=False
    )
    return figure


def draw_spending(axes: Any, table: pd.DataFrame) -> None:
    """As `spending_figure`, on a matplotlib axes."""
    table = table[table["seconds"] > 0]
    parts = list(dict.fromkeys(table["part"]))[::-1]  # the first on top
    done = dict.fromkeys(parts, 0.0)
    for what, colour in COLOURS.items():
        rows = table[table["what"] == what]
        for i, (part, seconds) in enumerate(zip(rows["part"], rows["seconds"], strict=True)):
            axes.barh(
                parts.index(part), seconds, left=done[part], color=colour, label=what if i == 0 else None
            )
            done[part] += seconds
    axes.set_yticks(range(len(parts)), parts)
    axes.set_xlabel("seconds")
    axes.legend(frameon=False, fontsize="small", ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0))
