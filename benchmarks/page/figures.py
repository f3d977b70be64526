"""The figures of docs/performance.md."""

from __future__ import annotations

import math

from contestants.rows import PEER_NAMES, PEERS, ROWS, WHAT
from contestants.table import times_faster

from page.drawing import COLOURS, Line, bars, lines
from page.sections import KINDS, Results, by_row, threads

MINUTE = 60.0


def speed(results: Results) -> str | None:
    """Ours beside each peer, a bar for each pair that was measured."""
    rows = by_row(results)
    groups = []
    for name in ROWS:
        if name not in rows:
            continue
        ratios = [(PEER_NAMES[peer], times_faster(rows[name], "ours", peer)) for peer in PEERS]
        known = [(peer, ratio) for peer, ratio in ratios if ratio is not None]
        if known:
            groups.append((WHAT[name].replace(" (peers: independent)", ""), known))
    title = "How many times as fast as a peer, one thread, WN18RR"
    return bars(title, groups, [PEER_NAMES[peer] for peer in PEERS]) if groups else None


def growth(results: Results) -> str | None:
    """The cost of a query beside that on the smallest graph."""
    if "growth" not in results:
        return None
    rows = results["growth"]["rows"]
    graphs = list(dict.fromkeys(row["graph"] for row in rows))
    curves = [
        Line(
            f"{row['graph']}, {KINDS[row['kind']]}",
            [(100 * size["share"], size["ratio_to_smallest"]) for size in row["sizes"]],
            COLOURS[list(KINDS).index(row["kind"])],
            dashed=graphs.index(row["graph"]) > 0,
        )
        for row in rows
    ]
    highest = max(2.0, *(y for curve in curves for _, y in curve.points))
    return lines(
        "The cost of a query as the graph grows (all entities and ranking: of a query and entity)",
        "% of the entities",
        "times the cost at the smallest",
        curves,
        x_ticks=(10, 20, 50, 100),
        y_ticks=[tick / 2 for tick in range(math.ceil(2 * highest) + 1)],
        aims=[("1.5x", 1.5)],
        log_x=True,
    )


def time_to_mrr(results: Results) -> str | None:
    """Validation MRR of the training as it goes on."""
    runs = results.get("time_to_mrr", {}).get("runs", [])
    runs = [run for run in runs if len(run["curve"]) > 1][: len(COLOURS)]
    if not runs:
        return None
    longest = max(seconds for run in runs for seconds, _ in run["curve"]) / MINUTE
    step = next(s for s in (0.5, 1, 2, 5, 10, 20, 60, math.inf) if longest / s <= 8)
    curves = [
        Line(
            f"{run['config']['model'].get('dimension', 100)} reals, {threads(run)}, seed {run['seed']}",
            [(seconds / MINUTE, mrr) for seconds, mrr in run["curve"]],
            COLOURS[i],
        )
        for i, run in enumerate(runs)
    ]
    return lines(
        "MRR on all validation triples, from an untrained model",
        "minutes, validations included",
        "filtered MRR",
        curves,
        x_ticks=[step * i for i in range(math.ceil(longest / step) + 1)],
        y_ticks=[i / 10 for i in range(7)],
        aims=[(".45", 0.45)],
        points=False,
    )


FIGURES = {"speed.svg": speed, "growth.svg": growth, "time_to_mrr.svg": time_to_mrr}
