"""Searches replayed on the tables, whole and with parts left out: (d) and (e) of the page."""

from __future__ import annotations

from collections.abc import Iterable

from page.evidence.words import GRAPHS, SUBGRAPHS, Figures, p_of, range_of, short
from page.sections import markdown

LEFT_OUT = ("3", "10", "30")
"""Budgets at which a search is shown with a part left out."""
TOSS = {
    "toss": "as it is",
    "toss, nothing transferred": "nothing transferred",
    "toss, 3 transferred": "3 transferred",
    "toss, 30 transferred": "30 transferred",
    "toss, random proposals": "random proposals",
    "toss, rf_ei": "EI instead of BORE",
    "rf_bore": "no subgraph stage",
    "toss, reduced space": "reduced space",
    "rf_bore, reduced space": "reduced space, no subgraph stage",
    "random, reduced space": "reduced space, random search",
}
RACING = {
    "racing": "as it is",
    "racing, full graph only": "what is drawn on the full graph too",
    "racing from nothing": "without what was good elsewhere",
    "racing from nothing, full graph only": "that, on the full graph only",
    "racing from nothing, random proposals": "that, with random proposals",
    "racing from nothing, rf_bore": "that, with BORE instead of EI",
    "racing from nothing, fidelity seen": "that, the rung as a feature of one forest",
}
OTHERS = {"codex-s-distmult": "DistMult", "codex-s-transe": "TransE"}
MODELS = {
    "all models at once": "all models at once",
    "a third of the budget for each model": "a third of the budget for each",
    "complex": "ComplEx alone",
    "distmult": "DistMult alone",
    "transe": "TransE alone",
}
PER_SECOND = {"rf_ei": "expected improvement", "rf_ei, per second": "expected improvement for each second"}


def in_order(budgets: Iterable[str]) -> list[str]:
    """Budgets in whole trainings, each once, the smallest first."""
    return sorted(set(budgets), key=float)


def searches(table: Figures) -> str:
    """Mean regret of whole searches, the best at the largest common budget first."""
    budgets = {budget: table["budgets"][budget] for budget in in_order(table["budgets"])}
    names = {name for by in budgets.values() for name in by["regret"] if "," not in name}
    common = [b for b, by in budgets.items() if names <= set(by["regret"])][-1]
    ordered = sorted(names, key=lambda name: (budgets[common]["regret"][name]["mean"], name))
    body = [
        [
            name,
            *(
                range_of(by["regret"][name], "mean") if name in by["regret"] else ""
                for by in budgets.values()
            ),
        ]
        for name in ordered
    ]
    return markdown(["algorithm", *budgets], body)


def tests(tables: Figures, ours: str, called: dict[str, str]) -> str:
    """p-values of one search against each other one, after Holm's correction.

    Args:
        called: the tables shown, and what they are called.
    """
    by_table = {table: tables[table]["budgets"] for table in called}
    compared = in_order(b for by in by_table.values() for b in by if ours in by[b]["against"])
    body = []
    for table, by in by_table.items():
        against = {budget: by[budget]["against"].get(ours, {}) for budget in compared}
        first = compared[0]
        names = [name for name in against[first] if "," not in name and name != "racing"]
        for name in sorted(names, key=lambda name: (by[first]["regret"][name]["mean"], name)):
            cells = [
                verdict(test, regret[ours]["mean"] == regret[name]["mean"])
                if (test := against[budget].get(name))
                else ""
                for budget in compared
                for regret in [by[budget]["regret"]]
            ]
            body.append([called[table], name, *cells])
    return markdown(["table", f"{ours} against", *compared], body)


def verdict(test: Figures, equal: bool) -> str:
    """In words, with Holm's p.

    Args:
        equal: whether both have the same regret.
    """
    is_better = "better" if test["better"] else "worse"
    return f"{'equal' if equal else is_better}, {p_of(test['p_holm'])}"


def on_parts(tables: Figures) -> str:
    """The targets on parts of the tables: two searches with their budgets, and the difference of each pair."""
    body = []
    for table, graph in GRAPHS.items():
        regret = tables[table]["regret"]
        for target in tables[table]["targets"]:
            ours, theirs = f"{target['racing']:g}", f"{target['with']:g}"
            body.append(
                [
                    graph,
                    f"{ours}: {range_of(regret['racing'][ours], 'mean')}",
                    f"{target['against']}, {theirs}: {range_of(regret[target['against']][theirs], 'mean')}",
                    range_of(target["difference"], "mean"),
                    p_of(target["p"]),
                ]
            )
    return markdown(["graph", "racing", "another", "difference", "p"], body)


def left_out(tables: Figures, called: dict[str, str], what: str, budgets: tuple[str, ...] = LEFT_OUT) -> str:
    body = [
        [
            words,
            *(mean(tables[table]["budgets"].get(budget, {}), name) for table in GRAPHS for budget in budgets),
        ]
        for name, words in called.items()
    ]
    head = [
        f"{graph}: {budget}" if budget == budgets[0] else budget
        for graph in GRAPHS.values()
        for budget in budgets
    ]
    return markdown([what, *head], body)


def mean(budget: Figures, name: str) -> str:
    found = budget.get("regret", {}).get(name)
    return "" if found is None else short(found["mean"])


def first_stages(regret: Figures) -> str:
    """TOSS with other subgraphs: mean regrets, and p against the usual one."""
    body = [
        [SUBGRAPHS.get(name, name), *(cell for figure in by_budget.values() for cell in with_p(figure))]
        for name, by_budget in regret.items()
    ]
    budgets = next(iter(regret.values()))
    return markdown(["TOSS on", *(cell for budget in budgets for cell in (f"{budget} trainings", "p"))], body)


def with_p(figure: Figures) -> list[str]:
    return [range_of(figure, "mean"), "" if figure["p"] is None else p_of(figure["p"])]


def other_models(tables: Figures, ours: str) -> str:
    """Mean regrets on the tables of other models, of which nothing is known from another graph."""
    columns = in_order(budget for table in OTHERS for budget in tables[table]["budgets"])
    body = []
    for table, called in OTHERS.items():
        regret = {budget: by["regret"] for budget, by in tables[table]["budgets"].items()}
        common = [budget for budget in columns if ours in regret[budget]]
        for name in sorted(
            regret[common[0]], key=lambda name: ([regret[b][name]["mean"] for b in common], name)
        ):
            cells = [regret[budget].get(name) for budget in columns]
            body.append([called, name, *("" if cell is None else range_of(cell, "mean") for cell in cells)])
    return markdown(["CoDEx-S", "algorithm", *columns], body)


def joint(regret: Figures) -> str:
    """One search over all models, against those of one model: mean regrets, and p against the joint one."""
    body = [
        [name, called, *(cell for figure in by_arm[arm].values() for cell in with_p(figure))]
        for name, by_arm in regret.items()
        for arm, called in MODELS.items()
    ]
    budgets = next(iter(next(iter(regret.values())).values()))
    head = ["search", "of", *(cell for budget in budgets for cell in (f"{budget} trainings", "p"))]
    return markdown(head, body)
