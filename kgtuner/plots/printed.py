"""The figures of a run as files for a paper: PNG and SVG, by matplotlib."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kgtuner.errors import ConfigError, RunError
from kgtuner.plots import curves, effects, history, importance, parallel, relations, spending, transfer
from kgtuner.plots.style import measured, of_equal_time, varied

if TYPE_CHECKING:
    import pandas as pd

FORMATS = ("png", "svg")
DOTS_PER_INCH = 200
STYLE: Any = {"svg.fonttype": "none", "axes.spines.top": False, "axes.spines.right": False, "font.size": 9}

Draw = Callable[[Any], None]


def require_matplotlib() -> None:
    """Raises ConfigError where matplotlib is missing."""
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise ConfigError(
            "figures for papers need matplotlib, which is not installed; get it by: pip install 'kgtuner[figures]'"
        ) from None


def save_figures(
    folder: Path,
    *,
    trials: pd.DataFrame,
    metric: str,
    pairs: pd.DataFrame,
    importance_tables: Mapping[str, pd.DataFrame],
    learning: Mapping[str, Sequence[Mapping[str, Any]]],
    relation_table: pd.DataFrame,
    spent: pd.DataFrame,
) -> list[Path]:
    """Write every figure that has something to show.

    Args:
        folder: made if it does not exist; files of the same names are replaced.
        trials, metric, pairs, relation_table, spent: as the figures' modules say.
        importance_tables, learning: by stage.

    Returns:
        The files.

    Raises:
        ConfigError: where matplotlib is missing.
        RunError: when a file cannot be written.
    """
    require_matplotlib()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"cannot make the folder {folder}: {error.strerror}; choose another") from None
    written: list[Path] = []
    if len(measured(trials)):
        written += _save(folder, "history", (6, 3.2), lambda a: history.draw_history(a, trials, metric))
    if len(pairs) >= 2:
        written += _save(folder, "transfer", (3.6, 3.4), lambda a: transfer.draw_transfer(a, pairs, metric))
    for stage, table in importance_tables.items():
        n = len(of_equal_time(measured(trials, stage)))
        if len(table):
            size = (5.5, 0.8 + 0.35 * len(table))
            written += _save(folder, f"importance-{stage}", size, _of(importance.draw_importance, table, n))
    for stage in ("subgraph", "full"):
        for name in varied(measured(trials, stage)):
            if len(effects.effect_rows(trials, name, stage)) >= effects.LEAST:
                written += _save(
                    folder, f"effect-{stage}-{name}", (3.6, 4.2),
                    _of(effects.draw_effect, trials, name, metric, stage), rows=2,
                )  # fmt: skip
        if (lines := parallel.axes_of(trials, stage, metric)) is not None:
            size = (1.0 * len(lines.names) + 1, 3.6)
            written += _save(
                folder, f"parallel-{stage}", size, _of(parallel.draw_parallel, trials, metric, stage)
            )
        if any(len(curve["seconds"]) > 1 for curve in learning.get(stage, ())):
            written += _save(
                folder, f"curves-{stage}", (5, 3.4), _of(curves.draw_curves, learning[stage], metric)
            )
    if len(relation_table):
        size = (5, 0.8 + 0.2 * len(relations.shown_relations(relation_table)))
        written += _save(folder, "relations", size, lambda a: relations.draw_relations(a, relation_table))
    if len(spent):
        written += _save(folder, "spending", (6, 2.4), lambda a: spending.draw_spending(a, spent))
    return written


def _of(draw: Callable[..., None], *data: Any) -> Draw:
    """`draw` with the data after the axes; two axes come as a pair."""
    return lambda axes: draw(*(axes if isinstance(axes, tuple) else (axes,)), *data)


def _save(folder: Path, name: str, size: tuple[float, float], draw: Draw, rows: int = 1) -> list[Path]:
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    paths = [folder / f"{name}.{kind}" for kind in FORMATS]
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(rows, sharex=rows > 1)
        draw(tuple(axes) if rows > 1 else axes)
        for path in paths:
            try:
                figure.savefig(
                    path, dpi=DOTS_PER_INCH, metadata={"Date": None} if path.suffix == ".svg" else None
                )
            except OSError as error:
                raise RunError(f"cannot write {path}: {error.strerror}") from None
    return paths
