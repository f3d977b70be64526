"""Draws the figures of docs/: python docs/scripts/figures.py

budget.svg    how two hours are used, from kgtuner.tuning.schedule
subgraph.svg  the multi-start random walk at work, by kgtuner.subgraph on a small graph made for the picture
world.svg     benchmarks/results/tuning_world_complex_2m.json
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.subgraph.random_walk import random_walk
from kgtuner.tuning.schedule import Schedule

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "figures"
INK, PALE, BLUE, ORANGE, GREEN, GREY = "#24292f", "#d0d7de", "#3366cc", "#d9730d", "#2e7d4f", "#8b949e"


def svg(width: int, height: int, parts: list[str], what: str) -> str:
    """A picture on a white ground, so that it reads on a dark page as well."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" role="img" '
        f'font-family="sans-serif" font-size="13" fill="{INK}"><title>{what}</title>'
        f'<rect width="{width}" height="{height}" rx="6" fill="#ffffff"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def text(x: float, y: float, words: str, *, anchor: str = "start", color: str = INK, size: int = 13) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{color}" font-size="{size}">{words}</text>'


def bar(x: float, y: float, width: float, height: float, color: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width - 1.5, 1):.1f}" height="{height:.1f}" fill="{color}"/>'


def budget() -> str:
    total = 7200.0
    schedule = Schedule.of(total, 0.5, two_stages=True)
    rungs = schedule.rungs
    left, scale, top, height = 24.0, 712 / total, 50.0, 46.0

    def at(seconds: float) -> float:
        return left + seconds * scale

    first, second = schedule.rung_end(rungs.first_share), schedule.rung_end(rungs.second_share)
    parts = [text(left, 26, "Two hours, both stages", size=15)]
    n = 32
    for i in range(n):
        parts.append(
            bar(at(i * schedule.stage_one_end / n), top, schedule.stage_one_end / n * scale, height, BLUE)
        )
    for i in range(rungs.trials):
        width = (first - schedule.stage_one_end) / rungs.trials
        color = GREEN if i == 0 else ORANGE
        parts.append(bar(at(schedule.stage_one_end + i * width), top, width * scale, height, color))
    for i in range(3):
        width = (second - first) / 3
        parts.append(bar(at(first + i * width), top, width * scale, height, GREEN if i == 2 else ORANGE))
    parts.append(bar(at(second), top, (schedule.end - second) * scale, height, ORANGE))
    parts.append(bar(at(schedule.end), top, (total - schedule.end) * scale, height, GREY))
    labels = [
        (0.0, schedule.stage_one_end, "subgraph: many short trials"),
        (schedule.stage_one_end, first, "8 trials"),
        (first, second, "best 2 + default"),
        (second, schedule.end, "the best one"),
    ]
    for begin, end, words in labels:
        parts.append(text(at((begin + end) / 2), top + height + 18, words, anchor="middle", size=12))
        parts.append(
            text(at((begin + end) / 2), top + height + 34, minutes(end - begin), anchor="middle", color=GREY)
        )
    parts.append(text(at((schedule.end + total) / 2), top - 8, "test", anchor="middle", size=12))
    for k, (color, words) in enumerate(
        [(BLUE, "on the subgraph"), (ORANGE, "on the full graph"), (GREEN, "the default configuration")]
    ):
        x = left + k * 190
        parts += [bar(x, top + height + 54, 14, 12, color), text(x + 20, top + height + 64, words, size=12)]
    return svg(760, 180, parts, "Shares of a two-hour budget")


def minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} min"


def subgraph() -> str:
    """A graph of near points, since it can be drawn: 260 entities, the walk of three starts, a fifth of them."""
    rng = np.random.default_rng(4)
    points = rng.random((260, 2))
    gaps = np.linalg.norm(points[:, None] - points[None], axis=-1)
    triples = np.array([(i, 0, j) for i in range(260) for j in np.argsort(gaps[i])[1:4]], dtype=np.int64)
    names = tuple(str(i) for i in range(260))
    none = np.empty((0, 3), dtype=np.int64)
    graph = KnowledgeGraph("picture", names, ("near",), triples, none, none)
    chosen = set(random_walk(graph, ratio=0.2, starts=3, rng=np.random.default_rng(1)).tolist())
    place = points * [700, 300] + [30, 50]
    parts = [
        text(24, 28, "A fifth of the entities, from three starts, and the triples between them", size=15)
    ]
    for h, _, t in triples.tolist():
        inside = h in chosen and t in chosen
        (x1, y1), (x2, y2) = place[h], place[t]
        style = f'stroke="{BLUE}" stroke-width="2"' if inside else f'stroke="{PALE}" stroke-width="1"'
        parts.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" {style}/>')
    for i, (x, y) in enumerate(place.tolist()):
        fill, radius = (BLUE, 5) if i in chosen else (GREY, 2.5)
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="{fill}"/>')
    return svg(760, 372, parts, "A subgraph sampled by random walks")


def world() -> str:
    runs = json.loads((ROOT / "benchmarks/results/tuning_world_complex_2m.json").read_text(encoding="utf-8"))[
        "runs"
    ]
    arms = [
        ("two_stage", "two-stage search", BLUE),
        ("default", "the default configuration alone", GREEN),
        ("random_reduced_space", "random search, reduced space", ORANGE),
        ("random_full_space", "random search, full space", ORANGE),
    ]
    low, high, left, width = 0.30, 0.60, 250.0, 480.0

    def at(mrr: float) -> float:
        return left + (mrr - low) / (high - low) * width

    parts = [text(24, 26, "Test MRR after two minutes on world, five seeds each", size=15)]
    for tick in (0.30, 0.35, 0.40, 0.45, 0.50, 0.55, 0.60):
        parts.append(f'<line x1="{at(tick):.1f}" y1="44" x2="{at(tick):.1f}" y2="196" stroke="{PALE}"/>')
        parts.append(text(at(tick), 214, f"{tick:.2f}", anchor="middle", size=12))
    for row, (arm, words, color) in enumerate(arms):
        y = 62 + row * 38
        values = [run["test"]["mrr"] for run in runs if run["arm"] == arm]
        parts.append(text(left - 14, y + 4, words, anchor="end"))
        mean = at(sum(values) / len(values))
        parts.append(
            f'<line x1="{mean:.1f}" y1="{y - 13}" x2="{mean:.1f}" y2="{y + 13}" stroke="{INK}" stroke-width="2"/>'
        )
        parts += [
            f'<circle cx="{at(v):.1f}" cy="{y}" r="5" fill="{color}" fill-opacity="0.75"/>' for v in values
        ]
    parts.append(text(left, 236, "a dot is a seed, the bar their mean", color=GREY, size=12))
    return svg(760, 248, parts, "Test MRR of four ways to spend two minutes")


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for draw in (budget, subgraph, world):
        (FOLDER / f"{draw.__name__}.svg").write_text(draw(), encoding="utf-8")


if __name__ == "__main__":
    main()
