"""Writes the tables of docs/evidence.md from benchmarks/results.

    python benchmarks/evidence_page.py           # after the scripts it names have left new results
    python benchmarks/evidence_page.py --check   # is the page up to date? exit code 1 if not

As `performance.py` does it: what stands between markers is replaced, the words around them are written by hand.
"""

from __future__ import annotations

import json
from pathlib import Path

import record
from page.evidence import by_the_clock, replayed, tabulated
from page.evidence.words import GRAPHS, Figures
from page.pages import DOCS, filled, write

WN18RR = "wn18rr-complex"


def result(name: str) -> Figures:
    found: Figures = json.loads((record.RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return found


def files() -> dict[Path, str | None]:
    """The page; the results it shows are committed."""
    page = DOCS / "evidence.md"
    evidence, simulated = result("search_evidence")["tables"], result("search_simulated")["tables"]
    curves = result("search_curves")
    parts = {
        "surrogates": tabulated.surrogates(evidence),
        "hyper-parameters": tabulated.hyper_parameters(evidence),
        "variates": tabulated.variates(result("control_variates")),
        "subgraphs": tabulated.subgraphs(evidence),
        "subgraphs alike": tabulated.subgraphs_alike(evidence),
        "beginnings": tabulated.beginnings(curves["tables"]),
        "beginnings alike": tabulated.beginnings_alike(curves["subgraphs"]["codex-s-complex"]),
        "shifts": tabulated.shifts(evidence),
        "rates": tabulated.rates(evidence),
        **{f"search {graph}": replayed.searches(simulated[table]) for table, graph in GRAPHS.items()},
        "other models": replayed.other_models(simulated, "racing from nothing"),
        "tests from nothing": replayed.tests(simulated, "racing from nothing", replayed.OTHERS),
        "search WN18RR": replayed.searches(simulated[WN18RR]),
        **{
            f"tests WN18RR {ours}": replayed.tests(simulated, ours, {WN18RR: "WN18RR"})
            for ours in ("racing", "racing from nothing")
        },
        "joint": replayed.joint(result("search_joint")["regret"]),
        "tests": replayed.tests(simulated, "racing", GRAPHS),
        "parts": replayed.on_parts(result("search_parts")["tables"]),
        "toss": replayed.left_out(simulated, replayed.TOSS, "TOSS"),
        "subgraph stages": replayed.first_stages(result("search_subgraphs")["regret"]),
        "racing": replayed.left_out(simulated, replayed.RACING, "racing"),
        "per second": replayed.left_out(
            simulated, replayed.PER_SECOND, "full graph only", ("3", "6", "10", "15", "30")
        ),
        "by the clock": by_the_clock.parts_of_toss(result("tuning_codex-s_complex_3m")["runs"]),
        "real": by_the_clock.searches(result("tuning_codex-s_complex_20m")["runs"]),
        "real WN18RR": by_the_clock.searches(result("tuning_wn18rr_complex_60m")["runs"]),
    }
    return {page: filled(page.read_text(encoding="utf-8"), parts)}


if __name__ == "__main__":
    write(__doc__, files)
