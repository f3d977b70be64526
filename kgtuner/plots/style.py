"""What all figures share: colours, the columns of a table of trials, numbers and names as text."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from kgtuner.types import FloatArray

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

STAGE_TITLES = {"subgraph": "stage 1, subgraph", "full": "stage 2, full graph"}
STAGE_COLOURS = {"subgraph": "#3987c9", "full": "#d9702b"}  # readable on white and on black
FAILED_COLOUR = "#c8414b"
QUIET_COLOUR = "rgba(128,128,128,0.45)"
GRID_COLOUR = "rgba(128,128,128,0.22)"
PALETTE = (
    "#3987c9", "#d9702b", "#2e9e6b", "#a869c6", "#c8414b", "#8f8a2c", "#2aa3ad", "#b56a8c", "#6c7bd0", "#8a6a4f",
)  # fmt: skip

METRIC_TITLES = {
    "mrr": "MRR",
    "hits_at_1": "Hits@1",
    "hits_at_3": "Hits@3",
    "hits_at_10": "Hits@10",
    "mean_rank": "mean rank",
    "adjusted_mean_rank_index": "AMRI",
}


def new_figure(*, x: str = "", y: str = "", height: int = 360) -> go.Figure:
    """An empty figure without a background of its own, so that it stands on light and on dark pages."""
    import plotly.graph_objects as go

    figure = go.Figure()
    figure.update_layout(
        template="none",
        height=height,
        margin={"l": 60, "r": 16, "t": 16, "b": 56},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"size": 12, "color": "#77797c"},
        hoverlabel={"namelength": -1},
        legend={"orientation": "h", "y": 1.02, "x": 0, "yanchor": "bottom"},
    )
    for axis, title in ((figure.update_xaxes, x), (figure.update_yaxes, y)):
        axis(title={"text": title}, gridcolor=GRID_COLOUR, zeroline=False, automargin=True)
    return figure


def notice(sentence: str) -> go.Figure:
    """A figure that cannot be drawn says why; pages show the sentence as text (`layout.meta.notice`)."""
    figure = new_figure(height=120)
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    figure.add_annotation(text=label(sentence), showarrow=False, xref="paper", yref="paper", x=0.5, y=0.5)
    figure.update_layout(meta={"notice": sentence})
    return figure


def notice_of(figure: go.Figure) -> str | None:
    """The sentence of a figure made by `notice`, None for one that shows something."""
    meta = figure.layout.meta
    return str(meta["notice"]) if isinstance(meta, dict) and "notice" in meta else None


def label(text: object) -> str:
    """A name for plotly, which would read tags and entities in it."""
    return html.escape(str(text), quote=False)


def sign(metric: str) -> int:
    """What turns the value that was maximised into the metric: the mean rank is maximised with its sign changed."""
    return -1 if metric == "mean_rank" else 1


def metric_axis(metric: str) -> str:
    title = METRIC_TITLES.get(metric, metric)
    return f"{title} (lower is better)" if metric == "mean_rank" else title


def short(value: Any) -> str:
    """A setting's value, numbers with four digits."""
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, int | float | np.number):
        number = float(value)
        return f"{number:,.0f}" if number.is_integer() and abs(number) < 1e6 else f"{number:.4g}"
    return str(value)


def rounded(values: Any, digits: int = 5) -> list[Any]:
    """Numbers with so many significant digits, as a page needs no more; None for what is not finite."""
    numbers = np.asarray(values, dtype=float).tolist()
    return [float(f"{v:.{digits}g}") if math.isfinite(v) else None for v in numbers]


def measured(trials: pd.DataFrame, stage: str | None = None) -> pd.DataFrame:
    """The trials that have a value, of one stage or of both.

    Of a stage with subgraphs of several kinds or shares, those of the one with most trials: values compare within one.
    """
    rows = trials[trials["value"].notna()] if len(trials) else trials
    if stage is None or not len(rows):
        return rows
    rows = rows[rows["stage"] == stage]
    several = len(rows) and "fidelity" in rows and rows["fidelity"].nunique() > 1
    return rows[rows["fidelity"] == rows["fidelity"].mode()[0]] if several else rows


def fidelity_title(stage: str, fidelity: str, several: bool) -> str:
    """What a line of a figure is of: the stage, with the subgraph where a run has several."""
    title = STAGE_TITLES[stage]
    return f"{title} ({fidelity})" if several and stage != "full" else title


def of_equal_time(trials: pd.DataFrame) -> pd.DataFrame:
    """Without trials that go on where another one stopped: these had more time than those beside them."""
    return trials[trials["again"].isna()] if "again" in trials.columns else trials


def varied(trials: pd.DataFrame) -> list[str]:
    """Hyper-parameters that have at least two values in these trials, in the table's order."""
    names = [str(c) for c in trials.columns if "." in str(c)]
    return [name for name in names if trials[name].dropna().map(_key).nunique() > 1]


def is_number(values: pd.Series) -> bool:
    """Whether a hyper-parameter's values are numbers with an order."""
    return all(isinstance(v, int | float | np.number) and not isinstance(v, bool) for v in values.dropna())


def on_log_scale(values: FloatArray) -> bool:
    """Whether ratios of these numbers matter: positive and over more than a decade and a half."""
    return bool(len(values)) and bool(values.min() > 0) and bool(values.max() / values.min() > 30)


def decades(low: float, high: float) -> tuple[list[float], list[str]]:
    """Ticks for numbers that were put on a logarithmic scale by hand: positions (log10) and texts."""
    first, last = math.floor(low), math.ceil(high)
    step = max(1, round((last - first) / 5))
    at = [float(p) for p in range(first, last + 1, step)]
    return at, [f"{10.0**p:g}" for p in at]


def round_ticks(low: float, high: float) -> list[float]:
    """Three to six multiples of 1, 2 or 5 times a power of ten between two numbers."""
    rough = (high - low) / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * 0.75)
    first = math.ceil(low / step - 1e-9)
    return [round(i * step, 12) for i in range(first, math.floor(high / step + 1e-9) + 1)]


def placed(values: pd.Series) -> tuple[FloatArray, list[float], list[str], bool]:
    """Where values stand on an axis: positions (NaN where there is none), ticks, their texts, whether continuous."""
    if is_number(values):
        numbers = values.astype(float).to_numpy()
        given = numbers[np.isfinite(numbers)]
        distinct = np.unique(given)
        if len(distinct) > 8 or _from_a_range(given, distinct):
            if on_log_scale(given):
                place = np.log10(np.where(numbers > 0, numbers, np.nan))
                return place, *decades(float(np.nanmin(place)), float(np.nanmax(place))), True
            ticks = round_ticks(float(given.min()), float(given.max()))
            return numbers, ticks, [f"{tick:g}" for tick in ticks], True
        index = {float(value): i for i, value in enumerate(distinct)}
        place = np.array([index.get(float(v), np.nan) for v in numbers])
        return place, list(map(float, range(len(distinct)))), [short(v) for v in distinct], False
    names = sorted({str(v) for v in values.dropna()})
    place = np.array([names.index(str(v)) if _given(v) else np.nan for v in values], dtype=float)
    return place, list(map(float, range(len(names)))), names, False


def _from_a_range(given: FloatArray, distinct: FloatArray) -> bool:
    """Whether numbers were drawn from a range and not chosen from a few: hardly any twice, and not all whole."""
    return len(distinct) > 1 and 2 * len(distinct) > len(given) and bool((distinct % 1 != 0).any())


def jitter(n: int, width: float = 0.25) -> FloatArray:
    """The same small shifts in every call, so that points of one category do not hide each other."""
    return np.random.default_rng(0).uniform(-width, width, n)


def colour_at(share: float) -> str:
    """From a dull blue (0, the worst) to a strong orange (1, the best)."""
    stops: Sequence[tuple[int, int, int]] = ((96, 125, 160), (57, 135, 201), (46, 158, 107), (217, 112, 43))
    place = min(max(share, 0.0), 1.0) * (len(stops) - 1)
    i = min(int(place), len(stops) - 2)
    part = [round(a + (b - a) * (place - i)) for a, b in zip(stops[i], stops[i + 1], strict=True)]
    return "#{:02x}{:02x}{:02x}".format(*part)


def _given(value: Any) -> bool:
    return value is not None and not (isinstance(value, float) and math.isnan(value))


def _key(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool | np.number) else str(value)
