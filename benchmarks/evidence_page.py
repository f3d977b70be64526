"""Writes the tables of docs/evidence.md from benchmarks/results.

    python benchmarks/evidence_page.py           # after the scripts it names have left new results
    python benchmarks/evidence_page.py --check   # is the page up to date? exit code 1 if not

As `performance.py` does it: what stands between markers is replaced, the words around them are written by hand.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import record
from page.pages import DOCS, filled, write
from page.sections import markdown

GRAPHS = {"codex-s-complex": "CoDEx-S", "umls-complex": "UMLS"}
TABLES = {
    "umls-complex": "UMLS, ComplEx",
    "codex-s-complex": "CoDEx-S, ComplEx",
    "codex-s-distmult": "CoDEx-S, DistMult",
    "codex-s-transe": "CoDEx-S, TransE",
    "wn18rr-complex": "WN18RR, ComplEx",
}
"""All that there are, as far as they have rows enough for what is shown."""
SHORTER = "a quarter of the time"
"""What evidence.py calls trainings on the full graph that were stopped early."""
USUAL = {"umls-complex": "walk-0.4", "codex-s-complex": "walk-0.2"}
"""The subgraph of a first stage on each table with all its configurations."""
SURROGATES = {
    "random_forest": ("random forest", (".003", ".002", ".001")),
    "gaussian_process": ("Gaussian process", (".069", ".029", ".019")),
    "mlp": ("multi-layer perceptrons", ("2.121", "2.052", ".584")),
}
"""What they are called and, in table 5 of the paper, their error after 10, 20 and 30 observations."""
HYPER_PARAMETERS = {
    "optimizer.name": ("optimiser", "fixed: adam"),
    "model.inverse_relations": ("inverse relations", "fixed: shared"),
    "optimizer.learning_rate": ("learning rate", "0.0001 to 0.1"),
    "regularizer.weight": ("regularisation weight", "1e-08 to 0.01"),
    "model.dropout": ("dropout", "up to 0.3"),
    "training.batch_size": ("batch size", "larger is better"),
    "model.dimension": ("dimension", "larger is better"),
    "training.mode": ("training mode", "no pattern"),
    "negatives.num_negatives": ("number of negatives", "no pattern"),
    "loss.name": ("loss", "no pattern"),
    "loss.margin": ("margin of the loss", "no pattern"),
    "model.margin": ("margin of the score", "no pattern"),
    "loss.adversarial_temperature": ("adversarial temperature", "no pattern"),
    "regularizer.name": ("regulariser", "no pattern"),
    "model.initializer": ("initialiser", "no pattern"),
}
"""What they are called, and which group each has in section 4 of the paper."""
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
PER_SECOND = {"rf_ei": "expected improvement", "rf_ei, per second": "expected improvement for each second"}
SUBGRAPHS = {
    "walk-0.2": "random walk, 20%, ten starts",
    "walk-0.2-second": "random walk, 20%, another seed",
    "single-0.2": "random walk, 20%, one start",
    "walk-0.2-scaled": "random walk, 20%, fewer negatives",
    "walk-0.05": "random walk, 5%",
    "walk-0.1": "random walk, 10%",
    "walk-0.4": "random walk, 40%",
    "pagerank-0.2": "PageRank nodes, 20%",
    "edges-0.2": "random edges, 20%",
    "core-0.2": "k-core, at most 20%, fewer negatives",
    "walk-0.2 + walk-0.2-second": "two random walks, 20% each",
}
ARMS = {
    "two_stage": "KGTuner, two stages",
    "default": "the default configuration alone",
    "racing": "racing",
    "racing_from_nothing": "racing, from nothing",
    "toss": "TOSS",
    "grash": "GraSH",
    "tpe": "TPE, full graph only",
    "random_full_space": "random search, full graph only",
}
TOSS_PARTS = {
    "toss": "as it is: 128 and 100 on the subgraph, raised on the full graph",
    "toss_sizes_searched": "batch size and dimension searched, nothing raised",
    "toss_sizes_kept": "128 and 100 on both, nothing raised",
    "toss_random_candidates": "as it is, the best of 10,000 random candidates instead of evolved ones",
}

Figures = dict[str, Any]


def short(value: float) -> str:
    """Three decimals, without the zero before them."""
    shown = f"{round(value, 3) + 0.0:.3f}"  # no minus before a zero
    return shown.replace("0.", ".", 1) if abs(value) < 1 else shown


def range_of(figure: Figures, value: str) -> str:
    return f"{short(figure[value])} ({short(figure['low'])} to {short(figure['high'])})"


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


def variates(trained: Figures, evidence: Figures) -> str:
    """Groups by trainings and by a forest side by side, and how well their orders of the values agree."""
    forest = {one["name"]: one for one in evidence["umls-complex"]["hyper_parameters"]}
    by_name = {one["name"]: one for one in trained["hyper_parameters"]}
    body = []
    for name, (called, _) in HYPER_PARAMETERS.items():
        if name not in by_name:
            continue
        one = by_name[name]
        matters = not one["reason"].startswith("hardly")
        best = min(zip(one["ranks"], one["levels"], strict=True))[1] if matters else ""
        agreement = "" if one["agreement"] is None else f"{one['agreement']:.2f}"
        consistency = f"{one['consistency']:.2f}"
        body.append([called, group_of(one), group_of(forest[name]), best, agreement, consistency])
    head = [
        "hyper-parameter",
        "by trainings",
        "by a forest",
        "best value by trainings",
        "agreement of the values' ranks",
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
    return "hardly matters" if one["reason"].startswith("hardly") else "no pattern"


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
    """Where good configurations lie on a subgraph and in a shorter training, against where they lie in a whole one."""
    found = {(table, one["group"], one["name"]): one for table in USUAL for one in evidence[table]["shifts"]}
    columns = [(table, group) for table, usual in USUAL.items() for group in (usual, SHORTER)]
    body = [
        [called, *(shift(found[*column, name]) for column in columns)]
        for name, (called, _) in HYPER_PARAMETERS.items()
        if all((*column, name) in found for column in columns)
    ]
    head = [f"{GRAPHS[table]}: {SUBGRAPHS.get(group, group)}" for table, group in columns]
    return markdown(["", *head], body)


def shift(one: Figures) -> str:
    if one["name"] == "model.dropout":
        return f"{one['shift']:+.2f} ({one['low']:+.2f} to {one['high']:+.2f})"
    return f"× {one['shift']:.2f} ({one['low']:.2f} to {one['high']:.2f})"


def searches(table: Figures) -> str:
    """Mean regret of whole searches, the best at the largest common budget first."""
    budgets = table["budgets"]
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


def tests(tables: Figures) -> str:
    """p-values of racing against each other search, after Holm's correction."""
    budgets = list(next(iter(tables.values()))["budgets"])
    compared = [
        budget for budget in budgets if "racing" in tables["umls-complex"]["budgets"][budget]["regret"]
    ]
    body = []
    for table, graph in GRAPHS.items():
        by = tables[table]["budgets"]
        names = [name for name in by[compared[0]]["racing_against"] if "," not in name]
        for name in sorted(names, key=lambda name: by[compared[0]]["regret"][name]["mean"]):
            cells = [by[budget]["racing_against"].get(name) for budget in compared]
            body.append([graph, name, *("" if cell is None else verdict(cell) for cell in cells)])
    return markdown(["graph", "racing against", *compared], body)


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
                    "< .001" if target["p"] < 0.001 else short(target["p"]),
                ]
            )
    return markdown(["graph", "racing", "another", "difference", "p"], body)


def verdict(test: Figures) -> str:
    shown = "< .001" if test["p_holm"] < 0.001 else short(test["p_holm"])
    return f"{'better' if test['better'] else 'worse'}, {shown}"


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


def first_stages(regret: Figures) -> str:
    """TOSS with other subgraphs: mean regrets, and p against the usual one."""
    body = [
        [SUBGRAPHS.get(name, name), *(cell for figure in by_budget.values() for cell in with_p(figure))]
        for name, by_budget in regret.items()
    ]
    budgets = next(iter(regret.values()))
    return markdown(["TOSS on", *(cell for budget in budgets for cell in (f"{budget} trainings", "p"))], body)


def with_p(figure: Figures) -> list[str]:
    p = figure["p"]
    return [range_of(figure, "mean"), "" if p is None else "< .001" if p < 0.001 else short(p)]


def mean(budget: Figures, name: str) -> str:
    found = budget.get("regret", {}).get(name)
    return "" if found is None else short(found["mean"])


def real(runs: Iterable[Figures]) -> str:
    """Searches by the clock: each seed's test MRR, and their mean."""
    by_arm: dict[str, dict[int, Figures]] = {}
    for run in runs:
        by_arm.setdefault(run["arm"], {})[run["seed"]] = run
    means = {
        arm: statistics.mean(run["test"]["mrr"] for run in by_seed.values())
        for arm, by_seed in by_arm.items()
    }
    seeds = sorted({seed for by_seed in by_arm.values() for seed in by_seed})
    body = []
    for arm in sorted(by_arm, key=lambda arm: (-len(by_arm[arm]), -means[arm])):
        by_seed = by_arm[arm]
        stages = [
            {stage["stage"]: stage["trials"] for stage in run.get("stages", [{"stage": "full", "trials": 1}])}
            for run in by_seed.values()
        ]
        trials = " / ".join(
            f"{statistics.mean(stage.get(name, 0) for stage in stages):.0f}" for name in ("subgraph", "full")
        )
        found = {seed: run["test"]["mrr"] for seed, run in by_seed.items()}
        spread = f" ({short(statistics.stdev(found.values()))})" if len(found) > 1 else ""
        shown = [short(found[seed]) if seed in found else "" for seed in seeds]
        body.append([ARMS[arm], short(means[arm]) + spread, *shown, trials])
    head = [
        "search",
        "mean test MRR (deviation)",
        *(f"seed {seed}" for seed in seeds),
        "trials on subgraphs / in full",
    ]
    if len(seeds) == 1:  # a mean of one is that one
        head[1:3], body = ["test MRR, one seed"], [[row[0], *row[2:]] for row in body]
    return markdown(head, body)


def by_the_clock(runs: Iterable[Figures]) -> str:
    """TOSS with a part changed: mean test MRR, and each seed against TOSS as it is."""
    by_arm: dict[str, dict[int, float]] = {}
    for run in runs:
        by_arm.setdefault(run["arm"], {})[run["seed"]] = run["test"]["mrr"]
    usual, body = by_arm["toss"], []
    for arm, called in TOSS_PARTS.items():
        apart = [found - usual[seed] for seed, found in by_arm[arm].items()]
        spread = f"{short(statistics.mean(by_arm[arm].values()))} ({short(statistics.stdev(by_arm[arm].values()))})"
        difference, better = "", ""
        if arm != "toss":
            error = statistics.stdev(apart) / len(apart) ** 0.5
            difference = f"{short(statistics.mean(apart))} ({short(error)})"
            better = f"{sum(one > 0 for one in apart)} of {len(apart)}"
        body.append([called, spread, difference, better])
    return markdown(
        ["TOSS", "mean test MRR (deviation)", "mean difference (its standard error)", "seeds better"], body
    )


def result(name: str) -> Figures:
    found: Figures = json.loads((record.RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return found


def files() -> dict[Path, str | None]:
    """The page; the results it shows are committed."""
    page = DOCS / "evidence.md"
    evidence, simulated = result("search_evidence")["tables"], result("search_simulated")["tables"]
    parts = {
        "surrogates": surrogates(evidence),
        "hyper-parameters": hyper_parameters(evidence),
        "variates": variates(result("control_variates"), evidence),
        "subgraphs": subgraphs(evidence),
        "subgraphs alike": subgraphs_alike(evidence),
        "shifts": shifts(evidence),
        **{f"search {graph}": searches(simulated[table]) for table, graph in GRAPHS.items()},
        "tests": tests(simulated),
        "parts": on_parts(result("search_parts")["tables"]),
        "toss": left_out(simulated, TOSS, "TOSS"),
        "subgraph stages": first_stages(result("search_subgraphs")["regret"]),
        "racing": left_out(simulated, RACING, "racing"),
        "per second": left_out(simulated, PER_SECOND, "full graph only", ("3", "6", "10", "15", "30")),
        "by the clock": by_the_clock(result("tuning_codex-s_complex_3m")["runs"]),
        "real": real(result("tuning_codex-s_complex_20m")["runs"]),
        "real WN18RR": real(result("tuning_wn18rr_complex_60m")["runs"]),
    }
    return {page: filled(page.read_text(encoding="utf-8"), parts)}


if __name__ == "__main__":
    write(__doc__, files)
