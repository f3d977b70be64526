"""How many entities take part in how many triples: as numbers, as text, as a figure."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kgtuner.errors import ConfigError
from kgtuner.files import replacing
from kgtuner.types import IntArray

if TYPE_CHECKING:
    from kgtuner.graph.knowledge_graph import KnowledgeGraph

FIGURES = (".svg", ".png", ".pdf")
BAR = "█"


@dataclass(frozen=True)
class DegreeBin:
    """Entities whose degree, the train triples they take part in, is in low..high."""

    low: int
    high: int
    entities: int


def degrees(graph: KnowledgeGraph) -> IntArray:
    """(n_entities,) train triples that an entity takes part in; a self-loop counts twice."""
    n = graph.n_entities
    return np.bincount(graph.train[:, 0], minlength=n) + np.bincount(graph.train[:, 2], minlength=n)


def degree_bins(graph: KnowledgeGraph) -> tuple[DegreeBin, ...]:
    """Degrees in bins that double: 0, 1, 2-3, 4-7, …; from the first to the last that has an entity."""
    degree = degrees(graph)
    if not len(degree):
        return ()
    bins = np.zeros(len(degree), dtype=np.int64)
    bins[degree > 0] = np.frexp(degree[degree > 0].astype(np.float64))[1]  # 1 -> 1, 2 and 3 -> 2, 4 to 7 -> 3
    counts = np.bincount(bins)
    lows = [0, *(2**i for i in range(len(counts) - 1))]
    made = [DegreeBin(low, max(2 * low - 1, 0), int(n)) for low, n in zip(lows, counts, strict=True)]
    return tuple(made[int(np.flatnonzero(counts)[0]) :])


def degree_lines(bins: tuple[DegreeBin, ...], width: int = 40) -> list[str]:
    """A bar a bin, on a logarithmic scale: one character for one entity, `width` for the fullest bin."""
    if not bins:
        return []
    titles = [str(b.low) if b.low == b.high else f"{b.low:,}–{b.high:,}" for b in bins]
    numbers = [f"{b.entities:,}" for b in bins]
    largest = max(np.log1p(b.entities) for b in bins)
    bars = [BAR * round(float(width * np.log1p(b.entities) / largest)) for b in bins]
    left, right = max(map(len, titles)), max(map(len, numbers))
    return [
        f"{title:>{left}}  {number:>{right}}  {bar}".rstrip()
        for title, number, bar in zip(titles, numbers, bars, strict=True)
    ]


def save_degree_figure(graph: KnowledgeGraph, path: str | Path) -> None:
    """Entities by degree, both on logarithmic axes, as SVG, PNG or PDF by the file's ending.

    Raises:
        ConfigError: for another ending, or without matplotlib.
        RunError: if the file cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() not in FIGURES:
        raise ConfigError(f"a figure must end in {', '.join(FIGURES)}, got {path.name!r}")
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError:
        raise ConfigError(
            "figures need matplotlib, which is not installed: pip install 'kgtuner[figures]'"
        ) from None
    degree, count = np.unique(degrees(graph), return_counts=True)
    there = degree > 0
    title = "".join(character if character.isprintable() else "?" for character in graph.name)
    with matplotlib.rc_context({"svg.hashsalt": "kgtuner"}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing", category=UserWarning)
        figure = Figure(figsize=(5, 3.4), layout="constrained")
        axes = figure.add_subplot(
            xscale="log", yscale="log", xlabel="degree (train triples)", ylabel="entities"
        )
        axes.set_title(title, parse_math=False)
        axes.plot(degree[there], count[there], ".", markersize=4, color="#1f6f8b")
        axes.grid(visible=True, which="major", linewidth=0.4, alpha=0.5)
        kind = path.suffix.lower().lstrip(".")
        stamps = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
        with replacing(path) as partial:
            figure.savefig(partial, format=kind, dpi=150, metadata=stamps.get(kind))
