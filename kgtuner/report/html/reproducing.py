"""How to repeat a run: its command, its seed, and what it ran on."""

from __future__ import annotations

import math
import shlex

from kgtuner.report.html.blocks import Block, code, facts, section, text
from kgtuner.report.html.reading import RunReport
from kgtuner.report.text import printable
from kgtuner.search.strategies import STRATEGIES


def reproduce(report: RunReport) -> Block:
    """The section of a report."""
    best = report.best
    commands = ["# the search", command_of(report)]
    if best is not None and best.stage == "full":
        graph = _graph_argument(report)
        place = shlex.quote(printable(report.folder / "best.yaml"))
        commands += ["# one training of what it found", f"kgtuner train {graph} --config {place} --seed 1"]
    kept = {
        "graph": f"{report.graph['name']}, fingerprint {report.fingerprint[:16]}…",
        "size": f"{report.graph['entities']:,} entities, {report.graph['relations']:,} relations, "
        f"{report.graph['train']:,} / {report.graph['valid']:,} / {report.graph['test']:,} triples",
        "seed": report.settings.seed,
        "started": report.started,
        "run folder": report.folder.resolve(),
        "report written": report.written,
        **{str(k).replace("_", " "): v for k, v in report.environment.items()},
    }
    if report.peak_rss_mb:
        kept["peak memory"] = f"{report.peak_rss_mb:,.0f} MB"
    return section(
        "reproduce",
        "Reproduce",
        code("\n".join(commands), "Commands"),
        facts(kept),
        text(" ".join(_limits(report)), quiet=True),
    )


def command_of(report: RunReport) -> str:
    """The command that asks for the same run again, defaults left out."""
    settings = report.settings
    budget = settings.budget
    parts = ["kgtuner", "tune", _graph_argument(report), "--model", ",".join(settings.models)]
    if budget.trials is not None:
        parts += ["--trials", str(budget.trials)]
    else:
        parts += ["--budget", f"{budget.seconds:g}s" if budget.seconds is not None else str(budget)]
    parts += ["--seed", str(settings.seed)]
    usual = type(settings)(models=settings.models, budget=budget)
    for name in ("metric", "algorithm", "device", "threads", "max_steps"):
        if getattr(settings, name) != getattr(usual, name):
            parts += [f"--{name.replace('_', '-')}", str(getattr(settings, name))]
    if settings.space != usual.space:
        own = report.folder / "space.yaml"
        parts += ["--space", str(own) if own.exists() else settings.space]
    if not settings.two_stages:
        parts.append("--one-stage")
    else:
        for name in ("stage_one_share", "subgraph_ratio"):
            if getattr(settings, name) != getattr(usual, name):
                parts += [f"--{name.replace('_', '-')}", f"{getattr(settings, name):g}"]
    parts += _where_trials_run(report)
    return " ".join(shlex.quote(printable(part)) for part in parts)


def _where_trials_run(report: RunReport) -> list[str]:
    """Workers as the run began with them: under a clock their number follows the machine unless it is said."""
    executor = report.executor
    name, workers = executor.get("name"), executor.get("workers")
    parts = [] if name in (None, "local") else ["--executor", str(name)]
    if executor.get("address"):
        parts += ["--ray-address", str(executor["address"])]
    if workers is not None and (name != "local" or workers > 1 or report.settings.budget.trials is None):
        parts += ["--workers", str(workers)]
    if executor.get("devices"):
        parts += ["--devices", ",".join(map(str, executor["devices"]))]
    if executor.get("gpus"):
        parts += ["--ray-gpus", f"{executor['gpus']:g}"]
    return parts


def _limits(report: RunReport) -> list[str]:
    """What the command does not bring back."""
    workers = report.executor.get("workers") or (math.inf if report.executor.get("name") == "ray" else 1)
    several = workers > 1 and report.settings.algorithm not in STRATEGIES  # those train one at a time
    found = [
        "A budget in wall-clock time gives other trials on another machine; a budget in trials repeats exactly on "
        "the same one with one worker."
        + (" This run had several, whose trials end in another order each time." if several else "")
    ]
    if not report.settings.try_default:
        found.append(
            "The run left the default configuration out, which only Python can ask for: kt.tune(…, try_default=False)."
        )
    if not report.settings.try_earlier:
        found.append(
            "The run began without what was good on other graphs, which only Python can ask for: "
            "kt.tune(…, try_earlier=False)."
        )
    if _graph_argument(report) == "GRAPH":
        found.append("GRAPH is what was given as the graph: the run keeps its triples, not the path.")
    return found


def _graph_argument(report: RunReport) -> str:
    from kgtuner.graph.catalog import DATASETS

    return report.graph["name"] if report.graph["name"] in DATASETS else "GRAPH"
