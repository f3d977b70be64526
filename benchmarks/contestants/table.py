"""The results of speed.py as a Markdown table."""

from __future__ import annotations

from typing import Any

from contestants.rows import (
    GRAPH,
    LIBKGE_LIMIT,
    LIBKGE_QUERIES,
    PEER_NAMES,
    PEERS,
    ROWS,
    SAMPLE,
    is_ranking,
)


def speed(row: dict[str, Any], name: str) -> float | None:
    """Work a second of one contestant of a row; None where it was not measured."""
    found = row["contestants"].get(name, {})
    if is_ranking(row["row"]):
        return 1 / found["seconds"] if "seconds" in found else None
    figure: float | None = found.get("queries_per_second")
    return figure


def times_faster(row: dict[str, Any], name: str, other: str) -> float | None:
    """How many times as fast as another a contestant is."""
    a, b = speed(row, name), speed(row, other)
    return None if a is None or b is None else a / b


def beside_libkge(rows: list[dict[str, Any]], row: str) -> float | None:
    """Ours beside LibKGE's 684 queries/s, scaled by the fp32 matmul rate of this machine to that of its own."""
    by_name = {found["row"]: found for found in rows}
    limit = speed(by_name["complex-1vsall-fp32"], "limit") if "complex-1vsall-fp32" in by_name else None
    ours = speed(by_name[row], "ours") if row in by_name else None
    return None if limit is None or ours is None else ours / (LIBKGE_QUERIES * limit / LIBKGE_LIMIT)


def cell(row: dict[str, Any], name: str) -> str:
    """One contestant's figure with its spread; for ranking also its memory."""
    found = row["contestants"].get(name)
    if found is None:
        return "–"
    if "missing" in found:
        return str(found["missing"])
    if not is_ranking(row["row"]):
        return f"{found['queries_per_second']:,.0f} /s ({found['min']:,.0f}–{found['max']:,.0f})"
    words = f"{found['seconds']:,.2f} s ({found['min']:,.2f}–{found['max']:,.2f})"
    memory = found.get("peak_above_model_mb")
    words += f", {memory:,} MB" if memory is not None else ""
    return words + (" *" if "scaled_from_triples" in found else "")


def times(ratio: float | None) -> str:
    """A ratio with about two digits that mean something."""
    if ratio is None:
        return "–"
    return f"{ratio:.2f}x" if ratio < 10 else f"{ratio:,.0f}x"


def table(rows: list[dict[str, Any]]) -> str:
    """A Markdown table: ours, peers, limit and the ratios between them; above 1 the first is faster."""
    names = [PEER_NAMES[peer] for peer in PEERS]
    head = [f"work, {GRAPH.upper()}", "ours", *names, "limit"]
    head += [f"ours / {name}" for name in names] + ["limit / ours"]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for row in sorted(rows, key=lambda row: list(ROWS).index(row["row"])):
        cells = [row["what"], *(cell(row, name) for name in ("ours", *PEERS, "limit"))]
        cells += [times(times_faster(row, "ours", peer)) for peer in PEERS]
        cells.append(times(times_faster(row, "limit", "ours")))
        lines.append("| " + " | ".join(cells) + " |")
    lines += [
        "",
        "Median (slowest–fastest step). Ranking: seconds for all validation triples in both directions, and the "
        "peak memory above that of the model; limits are the bare operators.",
    ]
    if any("scaled_from_triples" in found for row in rows for found in row["contestants"].values()):
        words = ", ".join(f"{PEER_NAMES[name]} {count}" for name, count in SAMPLE.items())
        lines.append(
            f"\\* Scaled from a random sample of validation triples ({words}), "
            "in the fastest of several batch sizes."
        )
    beside = {name: beside_libkge(rows, f"complex-1vsall-{name}") for name in ("fp32", "bf16")}
    known = [f"{name} {ratio:.1f}x" for name, ratio in beside.items() if ratio is not None]
    if known:
        lines.append(
            f"LibKGE's 1vsAll ComplEx, {LIBKGE_QUERIES} queries/s where three fp32 matmuls made {LIBKGE_LIMIT:,}, "
            f"scaled to this machine's; ours beside it: {', '.join(known)}."
        )
    return "\n".join(lines)
