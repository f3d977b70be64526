"""Figures as SVG text: the same numbers give the same bytes, so that a test can tell an old figure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

INK, PALE = "#24292f", "#d0d7de"
COLOURS = ("#3366cc", "#d9730d", "#2e7d4f", "#8250df", "#8b949e")
WIDTH, LEFT, RIGHT = 720, 70, 20
LETTER = 6.4
"""Width of a letter at 12 pixels, about."""


@dataclass(frozen=True)
class Line:
    """One curve: its name and its points, x rising."""

    name: str
    points: Sequence[tuple[float, float]]
    colour: str
    dashed: bool = False


def text(
    x: float,
    y: float,
    words: str,
    *,
    anchor: str = "start",
    size: int = 12,
    colour: str = INK,
    turn: str = "",
) -> str:
    where = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{colour}"'
    return f"<text {where}{turn}>{escape(words)}</text>"


def rule(x1: float, y1: float, x2: float, y2: float, colour: str = PALE, dash: str = "") -> str:
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"{dashes}/>'


def picture(height: float, title: str, parts: Sequence[str]) -> str:
    """On a white ground, so that it reads on a dark page as well."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}" role="img" '
        f'font-family="sans-serif"><title>{escape(title)}</title>'
        f'<rect width="{WIDTH}" height="{height:.0f}" rx="6" fill="#ffffff"/>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def plain(value: float) -> str:
    """0.5, 2 or 1,000: no zeros that say nothing."""
    return f"{value:,.10f}".rstrip("0").rstrip(".")


def bars(title: str, groups: Sequence[tuple[str, Sequence[tuple[str, float]]]], series: Sequence[str]) -> str:
    """Horizontal bars on a logarithmic axis from 1: how many times as fast.

    Args:
        groups: (what, ((name of the series, value), …)) from top to bottom.
        series: names in the order of the colours.
    """
    left, thick, top = 330, 16, 62
    values = [value for _, group in groups for _, value in group]
    decades = max(1, math.ceil(math.log10(max([*values, 10]))))
    colour = dict(zip(series, COLOURS, strict=False))

    def across(value: float) -> float:
        return left + (WIDTH - left - 60) * math.log10(max(value, 1)) / decades

    height = top + sum(len(group) * thick + 12 for _, group in groups) + 28
    parts = [text(16, 24, title, size=14)]
    x = float(left)
    for name in series:
        parts += [f'<rect x="{x:.1f}" y="36" width="10" height="10" fill="{colour[name]}"/>']
        parts += [text(x + 15, 45, name)]
        x += 32 + LETTER * len(name)
    for decade in range(decades + 1):
        at = across(10**decade)
        parts += [
            rule(at, top - 6, at, height - 24),
            text(at, height - 8, f"{10**decade:,}x", anchor="middle"),
        ]
    y = float(top)
    for what, group in groups:
        parts.append(text(left - 8, y + len(group) * thick / 2 + 4, what, anchor="end"))
        for name, value in group:
            length = max(across(value) - left, 1)
            parts.append(
                f'<rect x="{left}" y="{y:.1f}" width="{length:.1f}" height="{thick - 3}" fill="{colour[name]}"/>'
            )
            words = f"{value:.1f}x" if value < 10 else f"{value:,.0f}x"
            parts.append(text(left + length + 5, y + thick - 6, words, size=11))
            y += thick
        y += 12
    return picture(height, title, parts)


def lines(
    title: str,
    x_title: str,
    y_title: str,
    curves: Sequence[Line],
    *,
    x_ticks: Sequence[float],
    y_ticks: Sequence[float],
    aims: Sequence[tuple[str, float]] = (),
    log_x: bool = False,
    points: bool = True,
) -> str:
    """Curves between the first and the last tick of both axes; aims are dashed levels with a name."""
    names_height = 18 * math.ceil(len(curves) / 2)
    top, plot = 44 + names_height, 260
    bottom = top + plot
    scale: Callable[[float], float] = math.log if log_x else float

    def across(x: float) -> float:
        first, last = scale(x_ticks[0]), scale(x_ticks[-1])
        return LEFT + (WIDTH - LEFT - RIGHT) * (scale(x) - first) / (last - first)

    def up(y: float) -> float:
        return bottom - plot * (y - y_ticks[0]) / (y_ticks[-1] - y_ticks[0])

    parts = [text(16, 24, title, size=14)]
    for i, curve in enumerate(curves):
        x, y = LEFT + 320 * (i % 2), 44 + 18 * (i // 2)
        dash = "5 3" if curve.dashed else ""
        parts += [rule(x, y - 4, x + 22, y - 4, curve.colour, dash), text(x + 28, y, curve.name)]
    for tick in y_ticks:
        parts += [
            rule(LEFT, up(tick), WIDTH - RIGHT, up(tick)),
            text(LEFT - 8, up(tick) + 4, plain(tick), anchor="end"),
        ]
    for tick in x_ticks:
        parts += [
            rule(across(tick), top, across(tick), bottom),
            text(across(tick), bottom + 16, plain(tick), anchor="middle"),
        ]
    for name, level in aims:
        parts += [
            rule(LEFT, up(level), WIDTH - RIGHT, up(level), INK, "2 4"),
            text(WIDTH - RIGHT - 4, up(level) - 5, name, anchor="end", size=11),
        ]
    for curve in curves:
        path = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in curve.points)
        dash = ' stroke-dasharray="5 3"' if curve.dashed else ""
        parts.append(
            f'<polyline points="{path}" fill="none" stroke="{curve.colour}" stroke-width="2"{dash}/>'
        )
        if points:
            parts += [
                f'<circle cx="{across(x):.1f}" cy="{up(y):.1f}" r="3" fill="{curve.colour}"/>'
                for x, y in curve.points
            ]
    parts.append(text((LEFT + WIDTH - RIGHT) / 2, bottom + 36, x_title, anchor="middle"))
    middle = (top + bottom) / 2
    turn = f' transform="rotate(-90 18 {middle:.1f})"'
    parts.append(text(18, middle, y_title, anchor="middle", turn=turn))
    return picture(bottom + 48, title, parts)
