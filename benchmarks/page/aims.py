"""What we want to reach, and whether we do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from contestants.table import beside_libkge, speed, times, times_faster

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Aim:
    """One aim and the figure that answers it.

    Attributes:
        words: the aim with its bound.
        value: what was measured, None where it was not.
        bound: of `value`.
        at_most: whether less is better.
        shown: the value with its unit.
    """

    words: str
    value: float | None
    bound: float
    shown: str
    at_most: bool = False

    @property
    def met(self) -> str:
        if self.value is None:
            return "not measured"
        return "yes" if (self.value <= self.bound if self.at_most else self.value >= self.bound) else "**no**"


def exact(ratio: float | None) -> str:
    """A ratio near its bound: three digits, so that it does not seem to be met when it is just not."""
    return "–" if ratio is None else f"{ratio:.3f}x"


def of_speed(rows: Rows, row: str) -> list[Aim]:
    """The aims of one row of speed.py."""
    found = next((r for r in rows if r["row"] == row), {"row": row, "contestants": {}})
    return [make(rows, found) for make in SPEED[row]]


def rate(bound: float) -> Callable[[Rows, dict[str, Any]], Aim]:
    def make(rows: Rows, row: dict[str, Any]) -> Aim:
        value = speed(row, "ours")
        return Aim(f"at least {bound:,.0f} queries/s", value, bound, f"{value:,.0f}" if value else "–")

    return make


def beside(peer: str, name: str, bound: float) -> Callable[[Rows, dict[str, Any]], Aim]:
    def make(rows: Rows, row: dict[str, Any]) -> Aim:
        value = times_faster(row, "ours", peer)
        return Aim(f"at least {bound:g}x {name}", value, bound, times(value))

    return make


def beside_the_faster(bound: float) -> Callable[[Rows, dict[str, Any]], Aim]:
    def make(rows: Rows, row: dict[str, Any]) -> Aim:
        ratios = [times_faster(row, "ours", peer) for peer in ("pykeen", "torchkge")]
        known = [ratio for ratio in ratios if ratio is not None]
        value = min(known) if known else None
        return Aim(f"at least {bound:g}x the faster peer", value, bound, times(value))

    return make


def limit(what: str, bound: float) -> Callable[[Rows, dict[str, Any]], Aim]:
    def make(rows: Rows, row: dict[str, Any]) -> Aim:
        value = times_faster(row, "limit", "ours")
        return Aim(f"within {bound:g}x of {what}", value, bound, exact(value), at_most=True)

    return make


def libkge(bound: float) -> Callable[[Rows, dict[str, Any]], Aim]:
    def make(rows: Rows, row: dict[str, Any]) -> Aim:
        value = beside_libkge(rows, row["row"])
        return Aim(f"at least {bound:g}x LibKGE, scaled", value, bound, exact(value))

    return make


def memory(bound: float) -> Callable[[Rows, dict[str, Any]], Aim]:
    def make(rows: Rows, row: dict[str, Any]) -> Aim:
        value = row["contestants"].get("ours", {}).get("peak_above_model_mb")
        shown = "–" if value is None else f"{value:,} MB"
        return Aim(f"under {bound:g} MB above the model", value, bound, shown, at_most=True)

    return make


MATMULS, OPERATORS = "its three bare matmuls", "its bare operators"
SPEED: dict[str, list[Callable[[Rows, dict[str, Any]], Aim]]] = {
    "complex-shared": [rate(130_000), beside("torchkge", "TorchKGE", 30), beside("pykeen", "PyKEEN", 80)],
    "complex-independent": [rate(35_000), beside("torchkge", "TorchKGE", 8), beside("pykeen", "PyKEEN", 20)],
    "transe-independent": [beside("pykeen", "PyKEEN", 5)],
    "rotate-independent": [beside("pykeen", "PyKEEN", 7)],
    "complex-1vsall-fp32": [limit(MATMULS, 1.15), libkge(2.3)],
    "complex-1vsall-bf16": [limit(MATMULS, 1.6), libkge(6)],
    "conve-1vsall-fp32": [limit(OPERATORS, 1.5)],
    "conve-1vsall-bf16": [limit(OPERATORS, 1.5)],
    "ranking-complex": [beside_the_faster(15), memory(500)],
    "ranking-transe": [beside_the_faster(4), memory(500)],
    "ranking-rotate": [beside_the_faster(4), memory(500)],
}
VALID_WITHIN = {"0.45": 120.0}
TEST_WITHIN = {"0.47": 720.0, "0.48": 3_600.0}
PEAK_RSS_MB = 700.0
GROWTH = 1.5


def cells(aims: list[Aim]) -> list[str]:
    """Three cells: the aims, what was measured, whether it is met."""
    if not aims:
        return ["–", "–", "–"]
    return [
        "<br>".join(aim.words for aim in aims),
        "<br>".join(aim.shown for aim in aims),
        "<br>".join(aim.met for aim in aims),
    ]
