"""What the tables say about surrogates, hyper-parameters and subgraphs: parts (a) to (c) of the page."""

from __future__ import annotations

from page.evidence.words import GRAPHS, HYPER_PARAMETERS, SUBGRAPHS, TABLES, Figures, range_of
from page.sections import markdown

FULL = "full"
SHARES = {1 / 16: "a sixteenth", 1 / 4: "a quarter", 1 / 2: "half", 1.0: "whole"}
"""Of a training, in words."""
SHORTER, AS_SHORT = "as short", "full graph, stopped as early"
"""What evidence.py calls trainings on the full graph that end when those on a subgraph do, and the page."""
FIFTH, TENTH = 1 / 5, 1 / 10
RATE = "optimizer.learning_rate"
USUAL = {"umls-complex": "walk-0.4", "codex-s-complex": "walk-0.2"}
"""The subgraph of a first stage on each table with all its configurations."""
FORETOLD = {
    "value so far": "by the value so far",
    "power law": "by a power law",
    "forest, curves": "by a forest of curves",
    "forest, both": "of curves and configurations",
}
"""How the end of a training is foretold."""
SURROGATES = {
    "random_forest": ("random forest", (".003", ".002", ".001")),
    "gaussian_process": ("Gaussian process", (".069", ".029", ".019")),
    "mlp": ("multi-layer perceptrons", ("2.121", "2.052", ".584")),
}
"""What they are called and, in table 5 of the paper, their error after 10, 20 and 30 observations."""


def surrogates(evidence: Figures) -> str:
    """Errors of each table, and the paper's."""
    errors = {
        (table, one["surrogate"], one["observations"]): range_of(one, "squared")
        for table in TABLES
        for one in evidence.get(table, {}).get("surrogates", ())
    }
    body = [
        [TABLES[table], called, *(errors.get((table, name, n), "") for n in (10, 20, 30))]
        for table in TABLES
        for name, (called, _) in SURROGATES.items()
        if (table, name, 10) in errors
    ]
    body += [["the paper", called, *theirs] for called, theirs in SURROGATES.values()]
    return markdown(["table", "surrogate", "after 10", "after 20", "after 30"], body)


def hyper_parameters(evidence: Figures) -> str:
    """The group of each hyper-parameter on each table that has them."""
    tables = [table for table in TABLES if evidence.get(table, {}).get("hyper_parameters")]
    groups = {table: {one["name"]: one for one in evidence[table]["hyper_parameters"]} for table in tables}
    body = [
        [called, paper, *(group_of(groups[table].get(name)) for table in tables)]
        for name, (called, paper) in HYPER_PARAMETERS.items()
        if any(name in by_name for by_name in groups.values())
    ]
    head = [f"{TABLES[table]} ({evidence[table]['configurations']})" for table in tables]
    return markdown(["hyper-parameter", "the paper", *head], body)


def variates(trained: Figures) -> str:
    """Groups by trainings and by a forest side by side, and how well the two agree within an anchor."""
    by_name = {one["name"]: one for one in trained["hyper_parameters"]}
    body = []
    for name, (called, _) in HYPER_PARAMETERS.items():
        if name not in by_name:
            continue
        one = by_name[name]
        best = one["best"] if one["matters"] and len(one["best"]) < len(one["levels"]) else []
        both = one["agreement"]
        agreement = f"{both['mean']:.2f} ({both['low']:.2f} to {both['high']:.2f})"
        consistency = f"{one['consistency']:.2f}"
        body.append([called, group_of(one), group_of(one["forest"]), ", ".join(best), agreement, consistency])
    head = [
        "hyper-parameter",
        "by trainings",
        "by a forest",
        "best values by trainings",
        "agreement within anchors",
        "consistency of the anchors",
    ]
    return markdown(head, body)


def group_of(one: Figures | None) -> str:
    """What is said about a hyper-parameter, in a cell."""
    if one is None:
        return ""
    change = one["change"]
    if one["group"] == "fixed":
        return f"fixed: {change}"
    if one["group"] == "monotone":
        return "larger is better"
    if one["group"] == "limited":
        if isinstance(change, list):
            return ", ".join(map(str, change))
        return f"{change['low']:.2g} to {change['high']:.2g}"
    return "no pattern" if one["matters"] else "hardly matters"


def subgraphs(evidence: Figures) -> str:
    body = [
        [
            TABLES[table],
            found["group"],
            str(found["configurations"]),
            f"{found['spearman']:.2f} ({found['low']:.2f} to {found['high']:.2f})",
            f"{found['top']:.0%}",
            f"{found['cost']:.0%}",
        ]
        for table in TABLES
        for found in sorted(
            evidence.get(table, {}).get("subgraphs", ()), key=lambda one: -one["configurations"]
        )
    ]
    head = ["table", "subgraph", "configurations", "Spearman (95%)", "of the best fifth kept", "cost"]
    return markdown(head, body)


def subgraphs_alike(evidence: Figures) -> str:
    """CoDEx-S's subgraphs on the same configurations, the best order first."""
    body = [
        [
            SUBGRAPHS[found["group"]],
            f"{found['spearman']:.2f} ({found['low']:.2f} to {found['high']:.2f})",
            f"{found['top']:.0%}",
            f"{found['cost']:.0%}",
        ]
        for found in sorted(evidence["codex-s-complex"]["subgraphs_alike"], key=lambda one: -one["spearman"])
    ]
    return markdown(["subgraph", "Spearman (95%)", "of the best fifth kept", "cost"], body)


def shifts(evidence: Figures) -> str:
    """Where the best fifth lies on a subgraph and in as short a training, against where it lies in a whole one."""
    found = _shifts(evidence)
    columns = [(table, group) for table, usual in USUAL.items() for group in (usual, SHORTER)]
    body = []
    for name, (called, _) in HYPER_PARAMETERS.items():
        cells = [found.get((table, group, FULL, FIFTH, name)) for table, group in columns]
        if all(cells):
            body.append([called, *(shift(cell) for cell in cells if cell)])
    head = [f"{GRAPHS[table]}: {SUBGRAPHS.get(group, AS_SHORT)}" for table, group in columns]
    return markdown(["", *head], body)


def rates(evidence: Figures) -> str:
    """Of the learning rate: a subgraph and as short a training against the full graph, and against each other."""
    found, body = _shifts(evidence), []
    for table, called in TABLES.items():
        usual = USUAL.get(table, "walk-0.2")
        pairs = {
            "subgraph to full graph": (usual, FULL),
            "as short on the full graph to whole": (SHORTER, FULL),
            "subgraph to as short on the full graph": (usual, SHORTER),
        }
        for words, pair in pairs.items():
            cells = [found.get((table, *pair, best, RATE)) for best in (FIFTH, TENTH)]
            if all(cells):
                body.append([called, words, *(shift(cell) for cell in cells if cell)])
    return markdown(["table", "learning rate", "of the best fifth", "of the best tenth"], body)


def _shifts(evidence: Figures) -> dict[tuple[str, ...], Figures]:
    return {
        (table, one["group"], one["against"], one["best"], one["name"]): one
        for table in TABLES
        for one in evidence.get(table, {}).get("shifts", ())
    }


def shift(one: Figures) -> str:
    if one["name"] == "model.dropout":
        return f"{one['shift']:+.2f} ({one['low']:+.2f} to {one['high']:+.2f})"
    return f"× {one['shift']:.2f} ({one['low']:.2f} to {one['high']:.2f})"


def beginnings(curves: Figures) -> str:
    """What a race loses that lets trainings go on by their beginnings, on the full graph and on a subgraph."""
    body = []
    for table in (table for table in TABLES if table in curves):
        for one in sorted(curves[table], key=lambda one: -one["cost"]):
            ways = one["predictors"]
            body.append(
                [
                    TABLES[table],
                    f"{_graph(one['graph'])}, {SHARES[one['share']]}",
                    f"{one['cost']:.0%}",
                    f"{ways['value so far']['spearman']:.2f}",
                    *("" if name not in ways else fine(ways[name]["lost"]) for name in FORETOLD),
                ]
            )
    head = [
        "table",
        "training",
        "cost",
        "Spearman by the value so far",
        "lost by it",
        *list(FORETOLD.values())[1:],
    ]
    return markdown(head, body)


def beginnings_alike(rows: list[Figures]) -> str:
    """The value so far on all subgraphs, of the same configurations, the dearest first."""
    body = [
        [
            f"{_graph(one['graph'])}, {SHARES[one['share']]}",
            f"{one['cost']:.0%}",
            f"{one['spearman']:.2f}",
            f"{fine(one['lost']['mean'])} ({fine(one['lost']['low'])} to {fine(one['lost']['high'])})",
        ]
        for one in sorted(rows, key=lambda one: -one["cost"])
    ]
    return markdown(["training", "cost", "Spearman", "lost (95%)"], body)


def fine(value: float) -> str:
    """Four decimals, without the zero before them."""
    return f"{value:.4f}".replace("0.", ".", 1)


def _graph(fidelity: str) -> str:
    return "full graph" if fidelity == FULL else SUBGRAPHS.get(fidelity, fidelity)
