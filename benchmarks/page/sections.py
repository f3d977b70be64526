"""The generated parts of docs/performance.md, each from one result file; a missing one is named as not measured."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import Any

from contestants.rows import LIBKGE_LIMIT, LIBKGE_QUERIES, PEER_NAMES, PEERS, ROWS, SAMPLE, WHAT, is_ranking
from contestants.table import cell, table, times, times_faster

from page.aims import GROWTH, PEAK_RSS_MB, TEST_WITHIN, VALID_WITHIN, Aim, cells, of_speed

Results = Mapping[str, dict[str, Any]]
KINDS = {"shared": "training, shared negatives", "1vsall": "training, all entities", "ranking": "ranking"}


def markdown(head: list[str], body: list[list[str]]) -> str:
    rows = ["| " + " | ".join(row) + " |" for row in (head, *body)]
    return "\n".join([rows[0], "|---" * len(head) + "|", *rows[1:]])


def missing(script: str) -> str:
    return f"Not measured: `{script}` has left no result yet."


def machine(results: Results) -> str:
    """The hardware and the versions that each result was measured with."""
    named = {name: results[name] for name in sorted(results) if not name.endswith("_cuda")}
    body = []
    for name, result in named.items():
        about = result["environment"]
        body.append(
            [
                f"`{name}.json`",
                f"{about['processor']}, {about['cores']} cores, {about['memory_gb']} GB",
                f"Python {about['python']}, torch {about['torch']}, numpy {about['numpy']}",
            ]
        )
    return markdown(["result", "machine", "versions"], body) if body else "Nothing is measured yet."


def by_row(results: Results) -> dict[str, dict[str, Any]]:
    return {row["row"]: row for row in results.get("speed", {}).get("rows", [])}


def ours_and_theirs(results: Results, wanted: list[str]) -> str:
    """Rows of speed.py: a table of figures and ratios, and one of aims."""
    rows = by_row(results)
    names = [PEER_NAMES[peer] for peer in PEERS]
    head = ["work", "ours", *names, "limit", *(f"ours / {name}" for name in names), "limit / ours"]
    body, answers = [], []
    for name in wanted:
        answers.append([WHAT[name], *cells(of_speed(list(rows.values()), name))])
        if name not in rows:
            body.append([WHAT[name], "not measured", *["–"] * 6])
            continue
        row = rows[name]
        figures = [cell(row, contestant) for contestant in ("ours", *PEERS, "limit")]
        ratios = [times(times_faster(row, "ours", peer)) for peer in PEERS]
        body.append([WHAT[name], *figures, *ratios, times(times_faster(row, "limit", "ours"))])
    return markdown(head, body) + "\n\n" + markdown(["work", "aim", "measured", "met"], answers)


def training(results: Results) -> str:
    rows = by_row(results)
    words = [ours_and_theirs(results, [row for row in ROWS if not is_ranking(row)])]
    words.append("Queries per second: median (slowest–fastest step).")
    limit = rows.get("complex-1vsall-fp32", {}).get("contestants", {}).get("limit", {})
    if "queries_per_second" in limit:
        scaled = LIBKGE_QUERIES * limit["queries_per_second"] / LIBKGE_LIMIT
        words.append(
            f"LibKGE's figure is from another machine: {LIBKGE_QUERIES} queries/s where three fp32 matmuls made "
            f"{LIBKGE_LIMIT:,}; scaled by the matmuls of this run it is {scaled:,.0f} queries/s."
        )
    return "\n\n".join([*words, *conditions(results, ranking=False)])


def ranking(results: Results) -> str:
    words = [ours_and_theirs(results, [row for row in ROWS if is_ranking(row)])]
    sizes = ", ".join(f"{PEER_NAMES[name]} {count}" for name, count in SAMPLE.items())
    words.append(
        "Seconds for all validation triples in both directions: median (fastest–slowest), and the peak memory above "
        f"that of the model. \\* Scaled from a random sample of triples ({sizes}), in the fastest of several batch "
        "sizes."
    )
    return "\n\n".join([*words, *conditions(results, ranking=True)])


def conditions(results: Results, *, ranking: bool) -> list[str]:
    """How long the rows were measured, and beside how much other work."""
    rows = [row for row in by_row(results).values() if is_ranking(row["row"]) == ranking]
    if not rows:
        return []
    versions = {
        f"{PEER_NAMES[name]} {version}" for row in rows for name, version in sorted(row["peers"].items())
    }
    rounds = sorted({(row["rounds"], row["seconds_per_round"], row["threads"]) for row in rows})
    how = "; ".join(f"{n} rounds of {s:g} s, {t} thread{'s' * (t > 1)}" for n, s, t in rounds)
    load = [row["load_average"] for row in rows]
    words = f"{how}; load average of the machine before the rows {min(load):.1f} to {max(load):.1f}"
    return [words + (f"; {', '.join(sorted(versions))}." if versions else ".")]


def growth(results: Results) -> str:
    if "growth" not in results:
        return missing("benchmarks/growth.py")
    body = []
    for row in results["growth"]["rows"]:
        sizes = row["sizes"]
        ratios = [size["ratio_to_smallest"] for size in sizes]
        largest = max(ratios)
        aim = Aim(f"at most {GROWTH}x the smallest", largest, GROWTH, times(largest), at_most=True)
        scale, unit = (1e6, "µs") if row["kind"] == "shared" else (1e9, "ns")
        body.append(
            [
                row["graph"],
                KINDS[row["kind"]],
                f"{unit} per {row['unit'].removeprefix('seconds per ')}",
                "<br>".join(f"{size['entities']:,}" for size in sizes),
                "<br>".join(
                    f"{size['seconds'] * scale:.3g} ({size['min'] * scale:.3g}–{size['max'] * scale:.3g})"
                    for size in sizes
                ),
                "<br>".join(f"{ratio:.2f}" for ratio in ratios),
                *cells([aim]),
            ]
        )
    head = ["graph", "work", "unit", "entities", "median (fastest–slowest)", "ratio to the smallest"]
    return markdown([*head, "aim", "largest", "met"], body)


def threads(run: Mapping[str, Any]) -> str:
    return f"{run['threads']} thread" + ("" if run["threads"] == 1 else "s")


def time_to_mrr(results: Results) -> str:
    if "time_to_mrr" not in results:
        return missing("benchmarks/time_to_mrr.py")
    words, runs = [], results["time_to_mrr"]["runs"]
    for run in runs:
        model = run["config"]["model"]
        mode = run["config"]["training"]["mode"]
        aims = []
        for goal, bound in VALID_WITHIN.items():
            seconds = run["seconds_to_valid_mrr"].get(goal)
            shown = "not reached" if seconds is None else f"{seconds:,.0f} s"
            value = float("inf") if seconds is None else seconds
            aims.append(Aim(f"valid MRR {goal} within {bound:,.0f} s", value, bound, shown, at_most=True))
        for goal, bound in TEST_WITHIN.items():
            tested = [test for test in run["test"] if test["seconds"] <= bound]
            ended = run["finished"] and run["stopped_by"] == "patience"
            long_enough = ended or any(test["within_seconds"] >= bound for test in run["test"])
            reached = any(test["test_mrr"] >= float(goal) for test in tested)
            if not tested or not (long_enough or reached):
                if any(
                    test["test_mrr"] >= float(goal)
                    for other in runs
                    if other is not run
                    for test in other["test"]
                ):
                    continue  # another run answers it
                aims.append(Aim(f"test MRR {goal} within {bound:,.0f} s", None, 0, "–"))
                continue
            best = max(test["test_mrr"] for test in tested)
            aims.append(Aim(f"test MRR {goal} within {bound:,.0f} s", best, float(goal), f"{best:.3f}"))
        about = (
            f"{run['graph']}, {model['name']} {model.get('dimension', 100)} reals, {mode}, `{run['file']}`"
        )
        cut = "" if run["finished"] else " The run was interrupted."
        words += [
            f"{about}, {threads(run)}, seed {run['seed']}: {run['steps']:,} steps, "
            f"peak RSS {run['peak_rss_mb']:,} MB.{cut}",
            "",
            markdown(["aim", "measured", "met"], [[aim.words, aim.shown, aim.met] for aim in aims]),
            "",
            markdown(
                ["within", "valid MRR of the best", "test MRR", "test Hits@1", "test Hits@10"],
                [
                    [
                        f"{test['within_seconds']:,.0f} s",
                        *(
                            f"{test[key]:.3f}"
                            for key in ("valid_mrr", "test_mrr", "test_hits_at_1", "test_hits_at_10")
                        ),
                    ]
                    for test in run["test"]
                ],
            ),
            "",
        ]
    return "\n".join(words).rstrip()


def memory(results: Results) -> str:
    if "memory" not in results:
        return missing("benchmarks/memory.py")
    names = {"shared": "shared negatives", "independent": "independent negatives", "1vsall": "all entities"}
    body = []
    for row in results["memory"]["rows"]:
        train, ranked = row["train"]["peak_rss_mb"], row["evaluate"]["peak_rss_mb"]
        aim = Aim(
            f"at most {PEAK_RSS_MB:g} MB", max(train, ranked), PEAK_RSS_MB, f"{max(train, ranked):,} MB", True
        )
        body.append(
            [f"{row['graph']}, {names[row['row']]}", f"{train:,} MB", f"{ranked:,} MB", *cells([aim])]
        )
    return markdown(["run", "`kgtuner train`", "`kgtuner evaluate`", "aim", "measured", "met"], body)


def start(results: Results) -> str:
    if "startup" not in results:
        return missing("benchmarks/startup.py")
    body = [
        [
            row["what"],
            f"{row['seconds']:.2f} s ({row['fastest']:.2f}–{row['slowest']:.2f})",
            f"{row['cpu_seconds']:.2f} s",
        ]
        for row in results["startup"]["rows"]
    ]
    return markdown(["a whole process", "median (fastest–slowest)", "processor"], body)


def row_updates(results: Results) -> str:
    if "row_updates" not in results:
        return missing("benchmarks/row_updates.py")
    rows = results["row_updates"]["rows"]
    optimizers = list(dict.fromkeys(row["optimizer"] for row in rows))
    body = []
    for share in dict.fromkeys(row["share"] for row in rows):
        own = {row["optimizer"]: row for row in rows if row["share"] == share}
        shown = [
            f"{own[name]['dense_over_sparse']:.2f} ({own[name]['sparse']:.3g} ms)" for name in optimizers
        ]
        body.append([f"{share:.0%}", *shown])
    return markdown(["entities touched", *optimizers], body)


def quality(results: Results) -> str:
    """Pairs of trainings that differ in one setting: mean over seeds, and the mean difference within a seed."""
    if "quality" not in results:
        return missing("benchmarks/quality.py")
    runs: dict[tuple[str, str, str], dict[str, dict[int, float]]] = {}
    for run in results["quality"]["runs"]:
        arms = runs.setdefault((run["question"], run["graph"], run["model"]), {})
        arms.setdefault(run["arm"], {})[run["seed"]] = run["valid_mrr"]
    body = []
    for (question, graph, model), arms in runs.items():
        means = "; ".join(f"{arm} {statistics.mean(by_seed.values()):.4f}" for arm, by_seed in arms.items())
        if len(arms) < 2:
            body.append([question, graph, model, means, "–", str(len(next(iter(arms.values()))))])
            continue
        (first, ours), (second, theirs) = list(arms.items())[:2]
        differences = [ours[seed] - theirs[seed] for seed in sorted(set(ours) & set(theirs))]
        spread = f" ± {statistics.stdev(differences):.4f}" if len(differences) > 1 else ""
        mean = f"{statistics.mean(differences):+.4f}{spread}" if differences else "–"
        body.append([question, graph, model, means, f"{first} − {second}: {mean}", str(len(differences))])
    head = ["setting", "graph", "model", "valid MRR, mean", "difference, mean ± standard deviation", "seeds"]
    return markdown(head, body)


def cuda(results: Results) -> str:
    if "speed_cuda" not in results:
        return "Not measured: none of this was ever run on a CUDA device."
    result = results["speed_cuda"]
    gpu = result["environment"].get("gpu", "a CUDA device")
    return f"Measured on {gpu}.\n\n" + table(result["rows"])


SECTIONS = {
    "machine": machine,
    "training": training,
    "ranking": ranking,
    "growth": growth,
    "time to MRR": time_to_mrr,
    "memory": memory,
    "start": start,
    "row updates": row_updates,
    "quality": quality,
    "cuda": cuda,
}
