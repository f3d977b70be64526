"""Draws the figures of docs/: python docs/scripts/figures.py

budget.svg    how two hours are used in three cases, from kgtuner.tuning.schedule
subgraph.svg  the multi-start random walk at work, by kgtuner.subgraph on a small graph made for the picture
world.svg     benchmarks/results/tuning_world_complex_2m.json
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.subgraph.random_walk import random_walk
from kgtuner.tuning.first_training import FIRST_SHARE
from kgtuner.tuning.schedule import BEFORE_MOVES, STAGE_ONE_SHARE, Schedule

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
    """Three rows: what follows the first training of the default, by how many full trainings the budget holds."""
    total, cases = 7200.0, (("six full trainings", 1150.0), ("two", 3200.0), ("hardly one", 5800.0))
    usual = Schedule.of(total, STAGE_ONE_SHARE, two_stages=True)
    parts = [text(24, 26, "Two hours, one worker, by what the first training of the default shows", size=15)]
    for k, (holds, full_training) in enumerate(cases):
        spent = min(full_training, FIRST_SHARE * usual.end)
        parts += budget_row(f"They hold {holds}.", usual.at_cost(full_training, 1, spent), total, 50 + 96 * k)
    legend = (
        (GREEN, "the default configuration"),
        (BLUE, "on the subgraph"),
        (ORANGE, "on the full graph"),
        (GREY, "test"),
    )
    for k, (color, words) in enumerate(legend):
        parts += [bar(24 + k * 190, 340, 14, 12, color), text(44 + k * 190, 350, words, size=12)]
    return svg(760, 366, parts, "Shares of a two-hour budget, in three cases")


def budget_row(title: str, schedule: Schedule, total: float, top: float) -> list[str]:
    """One budget as a bar, its parts named and timed below it."""
    left, scale, height = 24.0, 712 / total, 28.0
    rungs, begin, end = schedule.rungs, schedule.began, schedule.stage_one_end
    first, second = schedule.rung_end(rungs.first_share), schedule.rung_end(rungs.second_share)
    last = "moves from the best" if rungs is BEFORE_MOVES else "the best one"
    pieces = [
        (0.0, begin, 1, GREEN, "default"),
        (begin, end, max(2, round((end - begin) / 100)), BLUE, "subgraph"),
        (end, first, rungs.trials, ORANGE, f"{rungs.trials} trials"),
        (first, second, 3, ORANGE, "2 + default"),
        (second, schedule.end, 6 if rungs is BEFORE_MOVES else 1, ORANGE, last),
        (schedule.end, total, 1, GREY, ""),
    ]
    parts = [text(left, top, title, size=12)]
    for start, stop, n, color, words in pieces:
        width = (stop - start) / n
        for i in range(n):
            own = GREEN if words == "2 + default" and i == n - 1 else color
            parts.append(bar(left + (start + i * width) * scale, top + 8, width * scale, height, own))
        if words:
            middle = left + (start + stop) / 2 * scale
            parts.append(text(middle, top + height + 22, words, anchor="middle", size=12))
            parts.append(
                text(middle, top + height + 37, minutes(stop - start), anchor="middle", color=GREY, size=12)
            )
    return parts


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
