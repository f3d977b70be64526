"""Several runs side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kgtuner.plots.style import PALETTE, label, measured, metric_axis, new_figure, notice, rounded, sign
from kgtuner.report.html.blocks import Block, code, column, figure, section, table, text
from kgtuner.report.html.reading import RunReport
from kgtuner.report.html.reproducing import command_of
from kgtuner.report.html.sections import REPORTED
from kgtuner.report.text import metric_title, metric_value, printable, setting
from kgtuner.tuning.budget import format_seconds

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go


@dataclass(frozen=True)
class Comparison:
    """Runs side by side.

    Attributes:
        runs: in the order in which they were given.
        names: of the runs, their folders' names as far as these differ.
        warnings: what keeps the figures from being comparable, a sentence each.
        rows: what is compared, each with a text for every run.
    """

    runs: list[RunReport]
    names: list[str]
    warnings: list[str]
    rows: list[tuple[str, list[str]]]

    @property
    def table(self) -> pd.DataFrame:
        """One column a run, one row for each thing that is compared."""
        import pandas as pd

        frame = pd.DataFrame(
            [values for _, values in self.rows], index=[title for title, _ in self.rows], columns=self.names
        )
        return frame

    def to_mapping(self) -> dict[str, Any]:
        """Plain values for JSON, numbers as numbers."""
        return {
            "warnings": self.warnings,
            "runs": [
                {
                    "name": name,
                    "output": str(run.folder),
                    "state": run.state,
                    "graph": run.graph["name"],
                    "fingerprint": run.fingerprint,
                    "models": list(run.settings.models),
                    "metric": run.metric,
                    "seed": run.settings.seed,
                    "budget": str(run.settings.budget),
                    "algorithm": run.settings.algorithm,
                    "executor": dict(run.executor),
                    "seconds": run.seconds,
                    "stages": run.stages,
                    "valid": run.valid,
                    "test": _overall(run.test),
                    "default_test": _overall(run.default_test),
                    "best_config": None if run.best is None else run.best.flat,
                }
                for name, run in zip(self.names, self.runs, strict=True)
            ],
        }

    def _repr_html_(self) -> str:
        return str(self.table.to_html(escape=True))


def compare_runs(runs: Sequence[RunReport]) -> Comparison:
    """Put runs side by side, and say where that is unfair."""
    names = _names([run.folder for run in runs])
    warnings = []
    if len({run.fingerprint for run in runs}) > 1:
        warnings.append("The runs are on different graphs or splits: their metrics do not compare.")
    if len({str(run.settings.budget) for run in runs}) > 1:
        warnings.append("The runs had different budgets.")
    if len({_workers(run) for run in runs}) > 1:
        warnings.append("The runs had different numbers of workers: the same time is not the same work.")
    if len({run.metric for run in runs}) > 1:
        warnings.append("The runs tuned for different metrics.")
    open_ones = [name for name, run in zip(names, runs, strict=True) if run.state != "finished"]
    if open_ones:
        warnings.append(f"Not finished, so without test metrics: {', '.join(open_ones)}.")
    return Comparison(list(runs), names, warnings, _rows(runs))


def comparison_sections(comparison: Comparison) -> list[Block]:
    """The sections of a page about several runs."""
    columns = [column("", kind="text"), *(column(name, kind="text") for name in comparison.names)]
    rows = [[title, *values] for title, values in comparison.rows]
    commands = "\n".join(command_of(run) for run in comparison.runs)
    return [
        section(
            "answer",
            "Side by side",
            *(text(warning) for warning in comparison.warnings),
            table(columns, rows, label="runs side by side"),
        ),
        section(
            "progress",
            "Progress on the full graph",
            figure(_progress_figure(comparison), caption="Best validation on the full graph so far."),
            short="Progress",
        ),
        section("reproduce", "Reproduce", code(commands, "Commands")),
    ]


def _rows(runs: Sequence[RunReport]) -> list[tuple[str, list[str]]]:
    rows: list[tuple[str, list[str]]] = [
        ("graph", [printable(run.graph["name"]) for run in runs]),
        ("models", [", ".join(run.settings.models) for run in runs]),
        ("state", [run.state for run in runs]),
        ("seed", [str(run.settings.seed) for run in runs]),
        ("algorithm", [run.settings.algorithm for run in runs]),
        ("budget", [str(run.settings.budget) for run in runs]),
        ("workers", [_workers(run) for run in runs]),
        ("time used", [format_seconds(run.seconds) for run in runs]),
    ]
    for stage, title in (("subgraph", "trials on the subgraph"), ("full", "trials on the full graph")):
        rows.append((title, [_trials(run, stage) for run in runs]))
    for name in REPORTED:
        rows.append((f"test {metric_title(name)}", [metric_value(name, _of(run.test, name)) for run in runs]))
    rows.append(("default's test MRR", [metric_value("mrr", _of(run.default_test, "mrr")) for run in runs]))
    rows.append(("validation MRR", [metric_value("mrr", _of(run.valid, "mrr")) for run in runs]))
    settings = dict.fromkeys(name for run in runs if run.best is not None for name in run.best.flat)
    for name in settings:
        values = [None if run.best is None else run.best.flat.get(name) for run in runs]
        if len({repr(value) for value in values}) > 1:  # only what differs
            rows.append((name, [setting(value) if value is not None else "–" for value in values]))
    return rows


def _progress_figure(comparison: Comparison) -> go.Figure:
    metric = comparison.runs[0].metric
    figure = new_figure(x="budget used (seconds)", y=metric_axis(metric), height=380)
    drawn = 0
    for i, (name, run) in enumerate(zip(comparison.names, comparison.runs, strict=True)):
        full = measured(run.trials, "full")
        if not len(full) or run.metric != metric:
            continue
        full = full.sort_values("elapsed", kind="stable")
        figure.add_scatter(
            x=rounded(full["elapsed"]), y=rounded(sign(metric) * full["value"].astype(float).cummax()),
            name=label(name),
            mode="lines+markers", line={"shape": "hv", "width": 2.5, "color": PALETTE[i % len(PALETTE)]},
        )  # fmt: skip
        drawn += 1
    return figure if drawn else notice("No run has a value on the full graph yet.")


def _names(folders: Sequence[Path]) -> list[str]:
    """The last parts of the paths, as many as it takes to tell them apart."""
    parts = [folder.resolve().parts for folder in folders]
    for n in range(1, max(map(len, parts)) + 1):
        names = ["/".join(part[-n:]) for part in parts]
        if len(set(names)) == len(set(map(tuple, parts))):
            break
    return [printable(name) for name in names]


def _workers(run: RunReport) -> str:
    """How many trials ran at once; a Ray cluster may decide that itself."""
    workers = run.executor.get("workers")
    return f"{workers or 'all'} of Ray" if run.executor.get("name") == "ray" else str(workers or 1)


def _trials(run: RunReport, stage: str) -> str:
    for one in run.stages:
        if one["stage"] == stage:
            return f"{one['trials']}" + (f" ({one['failed']} failed)" if one["failed"] else "")
    return "–"


def _of(metrics: Any, name: str) -> float | None:
    return None if metrics is None else metrics.get(name)


def _overall(metrics: Any) -> dict[str, Any] | None:
    return None if metrics is None else {k: v for k, v in metrics.items() if not k.startswith("by_")}
