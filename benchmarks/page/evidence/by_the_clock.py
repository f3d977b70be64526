"""Searches by the clock: what real runs found on test."""

from __future__ import annotations

import statistics
from collections.abc import Iterable

from page.evidence.words import Figures, short
from page.sections import markdown

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


def searches(runs: Iterable[Figures]) -> str:
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


def parts_of_toss(runs: Iterable[Figures]) -> str:
    """TOSS with a part changed: mean test MRR, each seed against TOSS as it is, and what went into full trainings."""
    by_arm: dict[str, dict[int, Figures]] = {}
    for run in runs:
        by_arm.setdefault(run["arm"], {})[run["seed"]] = run
    usual, body = by_arm["toss"], []
    for arm, called in TOSS_PARTS.items():
        found = {seed: run["test"]["mrr"] for seed, run in by_arm[arm].items()}
        apart = [mrr - usual[seed]["test"]["mrr"] for seed, mrr in found.items()]
        spread = f"{short(statistics.mean(found.values()))} ({short(statistics.stdev(found.values()))})"
        full = [stage for run in by_arm[arm].values() for stage in run["stages"] if stage["stage"] == "full"]
        seconds, trials = (statistics.mean(stage[f] for stage in full) for f in ("seconds", "trials"))
        difference, better = "", ""
        if arm != "toss":
            error = statistics.stdev(apart) / len(apart) ** 0.5
            difference = f"{short(statistics.mean(apart))} ({short(error)})"
            better = f"{sum(one > 0 for one in apart)} of {len(apart)}"
        body.append([called, spread, difference, better, f"{trials:.1f} in {seconds:.0f} s"])
    return markdown(
        [
            "TOSS",
            "mean test MRR (deviation)",
            "mean difference (its standard error)",
            "seeds better",
            "full trainings",
        ],
        body,
    )
