"""The end of a run as text: what was found, how good it is, where it lies, what to do next."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from kgtuner.report.text import metric_title, metric_value, printable, setting
from kgtuner.tuning.budget import format_seconds

if TYPE_CHECKING:
    from kgtuner.evaluation.evaluator import Evaluation
    from kgtuner.tuning.api import TrainResult, TuneResult

BEST_TRIALS = 4
REPORTED = ("mrr", "hits_at_1", "hits_at_3", "hits_at_10", "mean_rank")
RELATIONS = 20
"""Relations in the table of an evaluation, the most frequent ones; `--json` has all."""


def show_tuning(result: TuneResult, console: Console, *, metric: str = "mrr", graph: str | None = None) -> None:
    """Everything a user wants to know at the end of tuning.

    Args:
        metric: what was tuned for; trials are told by it.
        graph: what the user typed for the graph, for the next command.
    """
    if len(result.trials):
        _section(console, "Best configurations", best_trials(result.trials, metric))
    if result.test is not None:
        columns = {"best found": result.test.overall.to_mapping()}
        if result.default_test is not None:
            columns["default configuration"] = result.default_test.overall.to_mapping()
        _section(console, "Test triples", metrics_table(columns))
    elif result.best_metrics:
        _section(console, "Validation triples", metrics_table({"best found": result.best_metrics}))
    _section(console, "Time", stages_table(result.stages, result.seconds))
    console.print("\nBest configuration", style="bold")
    console.print(printable(result.best_config.to_yaml().rstrip(), lines=True), soft_wrap=True)
    _section(console, "Where everything lies", places_table(result.output))
    _section(console, "Next", _commands(tuning_commands(result, graph)))


def show_training(result: TrainResult, console: Console, *, graph: str | None = None) -> None:
    """The validation metrics of one training, what it cost, and where it lies."""
    run = result.run
    _section(console, "Validation triples", metrics_table({"best": run.valid.to_mapping()}))
    cost = {
        "stopped by": run.stopped_by,
        "steps": f"{run.steps:,}",
        "time": format_seconds(run.seconds),
        "triples per second": f"{run.triples_per_second:,.0f}",
        "peak memory": f"{run.peak_rss_mb:,.0f} MB",
    }
    _section(console, "Training", _pairs(cost.items()))
    if result.output is not None:
        place = shlex.quote(str(result.output))
        _section(console, "Where everything lies", places_table(result.output))
        _section(console, "Next", _commands([f"kgtuner evaluate {place} --split test"]))


def show_evaluation(evaluation: Evaluation, console: Console) -> None:
    """Metrics overall, per direction, per relation category and per relation."""
    parts = {"all": evaluation.overall, **evaluation.by_direction, **evaluation.by_category}
    _section(console, f"Split {evaluation.split}", _breakdown(parts, "queries"))
    common = sorted(evaluation.by_relation.items(), key=lambda item: -item[1].count)
    title = f"Relations (the {RELATIONS} most frequent of {len(common)})" if len(common) > RELATIONS else "Relations"
    _section(console, title, _breakdown(dict(common[:RELATIONS]), "relation"))


def best_trials(trials: Any, metric: str) -> Table:
    """The best trials of the last stage that has any, side by side: a column each, a row per hyper-parameter."""
    done = trials[trials["state"] == "complete"]
    full = done[done["stage"] == "full"]
    best = (full if len(full) else done).sort_values("value", ascending=False, kind="stable").head(BEST_TRIALS)
    rows = best.to_dict("records")
    table = _table("", *(f"trial {row['number']}" for row in rows))
    sign = -1 if metric == "mean_rank" else 1
    _row(table, f"{metric_title(metric)} (valid)", *(metric_value(metric, sign * row["value"]) for row in rows))
    _row(table, "time", *(format_seconds(row["seconds"]) for row in rows))
    for name in (column for column in best.columns if "." in str(column)):
        values = [setting(row[name]) for row in rows]
        if any(values):
            _row(table, str(name), *values)
    return table


def metrics_table(columns: Mapping[str, Mapping[str, Any]]) -> Table:
    """One row a metric, one column for each of `columns`; the better of two is bold."""
    table = _table("", *columns)
    for name in REPORTED:
        values = [column.get(name) for column in columns.values()]
        texts = [Text(metric_value(name, value)) for value in values]
        if len(texts) > 1 and all(value is not None and math.isfinite(value) for value in values):
            best = (min if name == "mean_rank" else max)(range(len(values)), key=values.__getitem__)
            texts[best].stylize("bold")
        table.add_row(Text(metric_title(name)), *texts)
    return table


def stages_table(stages: Sequence[Mapping[str, Any]], seconds: float) -> Table:
    """Trials and time of each stage; the total includes reading, sampling and the final evaluation."""
    table = _table("stage", "trials", "failed", "time")
    for stage in stages:
        time = format_seconds(float(stage["seconds"]))
        _row(table, str(stage["stage"]), str(stage["trials"]), str(stage["failed"]), time)
    total = [sum(int(stage[key]) for stage in stages) for key in ("trials", "failed")]
    _row(table, "total", *map(str, total), format_seconds(seconds))
    return table


def places_table(output: Path) -> Table:
    """The files of a run that a user may want, those that are there."""
    places = {
        "run folder": output,
        "best configuration": output / "best.yaml",
        "best model": output / "best.safetensors",
        "trials": output / "trials.csv",
        "log": output / "log.txt",
    }
    return _pairs((what, printable(path)) for what, path in places.items() if path == output or path.exists())


def tuning_commands(result: TuneResult, graph: str | None) -> list[str]:
    """What to type next: go on where the run was interrupted, else ask the model and train it once more."""
    place = shlex.quote(str(result.output))
    if result.stopped_by == "interrupted":
        return [f"kgtuner tune --resume {place}"]
    commands = [
        f"kgtuner evaluate {place} --split test",
        f"kgtuner predict {place} --head NAME --relation NAME -k 10",
    ]
    if graph is not None:
        config = shlex.quote(str(result.output / "best.yaml"))
        commands.append(f"kgtuner train {shlex.quote(graph)} --config {config} --seed 1")
    return commands


def _breakdown(parts: Mapping[str, Any], title: str) -> Table:
    table = _table(title, *map(metric_title, REPORTED), "count")
    for name, metrics in parts.items():
        values = metrics.to_mapping()
        _row(table, name, *(metric_value(key, values[key]) for key in REPORTED), f"{values['count']:,}")
    return table


def listing(titles: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """Any rows under titles; columns whose title ends in a space are flush left."""
    table = _table(*titles)
    for row in rows:
        _row(table, *map(str, row))
    return table


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column(Text(printable(first)), overflow="fold")
    for title in others:
        left = title.endswith(" ")
        table.add_column(Text(printable(title.rstrip())), justify="left" if left else "right", overflow="fold")
    return table


def _row(table: Table, *cells: str) -> None:
    table.add_row(*(Text(printable(cell)) for cell in cells))


def _pairs(pairs: Iterable[tuple[str, str]]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    for title, value in pairs:
        table.add_row(Text(printable(title)), Text(printable(value), overflow="fold"))
    return table


def pairs_table(pairs: Iterable[tuple[str, object]]) -> Table:
    """Titles on the left, values on the right."""
    return _pairs((title, str(value)) for title, value in pairs)


def _commands(lines: Sequence[str]) -> Text:
    return Text("\n".join(printable(line) for line in lines))


def _section(console: Console, title: str, content: Table | Text) -> None:
    console.print(Text(f"\n{printable(title)}", style="bold"))
    console.print(content, soft_wrap=isinstance(content, Text))
