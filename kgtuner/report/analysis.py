"""The analysis of a search as tables, and a reduced space as a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from rich.console import Console

    from kgtuner.analysis.properties import Property
    from kgtuner.analysis.rank_correlation import RankCorrelation
    from kgtuner.analysis.reduction import Cost, Grouped
    from kgtuner.analysis.surrogate_error import SurrogateError
    from kgtuner.analysis.trials import Trials


def space_yaml(mapping: Mapping[str, Any], groups: Sequence[Grouped], cost: Cost, name: str) -> str:
    """A space file that says how to use it, why each line is there and what it costs."""
    lines = [
        f"# kgtuner tune GRAPH --space {name}",
        f"# Reduced from trials: {cost.volume:.2g} of the space that was tried. {cost_sentence(cost)}",
        f"base: {mapping['base']}",
        "parameters:",
    ]
    for group in groups:
        if group.change is None:
            lines.append(f"  # {group.name}: {group.group}, {group.reason}; raised later")
            continue
        shown = yaml.safe_dump(group.change, default_flow_style=True).strip().removesuffix("...").strip()
        lines.append(f"  {group.name}: {shown}  # {group.group}: {group.reason}")
    return "\n".join(lines) + "\n"


def cost_sentence(cost: Cost) -> str:
    """What a reduction gives up, in a sentence or two."""
    inside = (
        "None of the trials lies in it."
        if cost.best_inside is None
        else f"Its best trial of {cost.inside} has {cost.best_inside:.4f}, the best of all {cost.best:.4f}."
    )
    lost = cost.expected_all - cost.expected
    verb = "lose" if lost >= 0 else "gain"
    return (
        f"{inside} The best of 20 random configurations is expected to {verb} {abs(lost):.4f} "
        f"({cost.low:.4f} to {cost.high:.4f} lost over five forests)."
    )


def show_analysis(
    trials: Trials,
    errors: Sequence[SurrogateError],
    found: Sequence[Property],
    groups: Sequence[Grouped],
    order: Sequence[RankCorrelation],
    cost: Cost | None,
    console: Console,
) -> None:
    """Everything that the trials are enough for."""
    from rich.table import Table

    console.print(f"{len(trials)} trials on {trials.groups[0]}")
    if errors:
        table = Table("surrogate", "after", "squared error", "95%", "order", title="Predicting unseen trials")
        for e in errors:
            table.add_row(
                e.surrogate,
                str(e.observations),
                f"{e.squared:.4f}",
                f"{e.low:.4f} to {e.high:.4f}",
                f"{e.order:.2f}",
            )
        console.print(table)
    if groups:
        by_name = {one.name: one for one in found}
        table = Table(
            "hyper-parameter", "group", "best value", "mean rank", "s", "why", title="Hyper-parameters"
        )
        for g in groups:
            one = by_name[g.name]
            best = int(one.ranks.mean(0).argmin())
            table.add_row(
                g.name,
                g.group,
                one.levels.names[best],
                f"{one.ranks.mean(0)[best]:.2f}",
                "" if one.seconds[best] != one.seconds[best] else f"{one.seconds[best]:.3g}",
                g.reason,
            )
        console.print(table)
    if order:
        table = Table(
            "graph", "trials", "Spearman", "95%", "best fifth kept", "cost", title="Order on cheaper graphs"
        )
        for r in order:
            table.add_row(
                r.group,
                str(r.configurations),
                f"{r.spearman:.2f}",
                f"{r.low:.2f} to {r.high:.2f}",
                f"{r.top:.0%}",
                "" if r.cost != r.cost else f"{r.cost:.0%}",
            )
        console.print(table)
    if cost is not None:
        console.print(
            f"Reduced space: {cost.volume:.2g} of what was tried. {cost_sentence(cost)}", soft_wrap=True
        )
    if not (errors or groups or order):
        console.print("Too few trials for an analysis; at least 20 with a value are needed.")
