"""The end of a run as text: what was found, how good it is, where it lies, what to do next."""

from __future__ import annotations

import itertools
import math
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from kgtuner.errors import KGTunerError
from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.report.text import metric_title, metric_value, printable, setting
from kgtuner.tuning.budget import format_seconds
from kgtuner.tuning.events import STAGE_TITLES

if TYPE_CHECKING:
    from kgtuner.evaluation.evaluator import Evaluation, Sample
    from kgtuner.evaluation.metrics import Metrics
    from kgtuner.prediction import Prediction, RelationPrediction
    from kgtuner.tuning.result import TuneResult
    from kgtuner.tuning.trained import TrainResult

BEST_TRIALS = 4
REPORTED = ("mrr", "hits_at_1", "hits_at_3", "hits_at_10", "mean_rank")
TRIPLES = 100
"""Triples of a split among which a question is looked for that can be printed as it is."""
FINDINGS = 8
"""Findings of one kind that are listed."""
RELATIONS = 20
"""Relations in the table of an evaluation, the most frequent ones; `--json` has all."""


def show_tuning(result: TuneResult, console: Console, *, graph: str | None = None) -> None:
    """Everything a user wants to know at the end of tuning; `graph` is what was typed for the graph."""
    if result.trials["value"].notna().any():
        _section(console, "Best configurations", best_trials(result.trials, result.metric))
    found, default = _trained_for(result.trials)
    if result.test is not None:
        columns = {found: result.test.overall.to_mapping()}
        if result.default_test is not None:
            columns[default] = result.default_test.overall.to_mapping()
        _section(console, "Test triples", metrics_table(columns))
        if result.test.sample is not None:
            console.print(Text(sampled_sentence(result.test.sample, result.output)), soft_wrap=True)
    else:
        columns = {found: result.best_metrics}
        if result.default_metrics is not None:
            columns[default] = result.default_metrics
        _section(
            console,
            "Validation triples (the test triples are ranked once, at the end)",
            metrics_table(columns),
        )
    _section(console, "Time", stages_table(result.stages, result.seconds))
    _section(
        console, "Best configuration", Text(printable(result.best_config.to_yaml().rstrip(), lines=True))
    )
    _section(console, "Where everything lies", places_table(result.output))
    _section(console, "Next", Text("\n".join(next_commands(result, graph))))


def sampled_sentence(sample: Sample, output: Path) -> str:
    """What was ranked in place of the whole test split, and how to rank all of it."""
    told = str(sample)
    return f"{told[0].upper()}{told[1:]}. All of them: kgtuner evaluate {_quoted(output)} --split test"


def show_training(result: TrainResult, console: Console) -> None:
    """The validation metrics of one training, what it cost, and where it lies."""
    report = result.report
    _section(console, "Validation triples", metrics_table({"best": report["valid"]}))
    cost = {
        "stopped by": report["stopped_by"],
        "steps": f"{report['steps']:,}",
        "time": format_seconds(report["seconds"]),
        "triples per second": f"{report['triples_per_second']:,.0f}",
        "peak memory": f"{report['peak_rss_mb']:,.0f} MB",
    }
    _section(console, "Training", _pairs(cost))
    if result.output is not None:
        _section(console, "Where everything lies", places_table(result.output))
        _section(console, "Next", Text("\n".join(ask_commands(result.output))))


def show_evaluation(evaluation: Evaluation, console: Console) -> None:
    """Metrics overall, per direction, per relation category and per relation."""
    parts = {"all": evaluation.overall, **evaluation.by_direction, **evaluation.by_category}
    _section(console, f"Split {evaluation.split}", _breakdown(parts, "queries"))
    common = sorted(evaluation.by_relation.items(), key=lambda item: -item[1].count)
    title = (
        f"Relations (the {RELATIONS} most frequent of {len(common)})"
        if len(common) > RELATIONS
        else "Relations"
    )
    _section(console, title, _breakdown(dict(common[:RELATIONS]), "relation"))


def show_predictions(
    question: Mapping[str, str | None],
    answers: Sequence[Prediction] | Sequence[RelationPrediction],
    console: Console,
) -> None:
    """Answers with their scores, and which stand in the graph if somebody looked."""
    asked = ", ".join(name if name is not None else "?" for name in question.values())
    if not answers:
        console.print(Text(f"({printable(asked)}) has no answer that is not in the graph already."))
        return
    marked = any(answer.known for answer in answers)
    judged = any(answer.probability is not None for answer in answers)
    titles = ["probability"] * judged + ["in the graph"] * marked
    table = _table(f"({asked})", "score", *titles)
    kind = "relation" if question["relation"] is None else "entity"
    for answer in answers:
        name = str(answer.to_mapping()[kind])
        cells = [f"{answer.probability:.3f}"] if answer.probability is not None else []
        cells += ["yes" if answer.known else ""] * marked
        _row(table, name, f"{answer.score:.4g}", *cells)
    console.print(table)


def show_datasets(sets: Sequence[Mapping[str, Any]], console: Console) -> None:
    """All data sets with their sizes, terms and whether they are on this machine."""
    counts = ("entities", "relations", "train", "valid", "test")
    table = _table("name", *counts, "here")
    table.add_column(Text("licence"), overflow="fold")
    for card in sets:
        here = "yes" if card["found_in"] else ""
        _row(table, card["name"], *(f"{card[key]:,}" for key in counts), here, card["licence"])
    console.print(table)


def show_graph(
    name: str,
    card: Mapping[str, Any] | None,
    statistics: Mapping[str, Any] | None,
    findings: Sequence[Mapping[str, Any]] | None,
    console: Console,
) -> None:
    """Where a graph comes from, what it looks like, and what is questionable about it."""
    if card is not None:
        console.print(Text(printable(card["title"]), style="bold"))
        shown = ("description", "citation", "licence", "licence_url", "licence_terms", "checksums")
        _section(console, "Card", _pairs({key.replace("_", " "): card[key] for key in shown if card[key]}))
    if statistics is None or findings is None:
        if card is not None:
            _section(console, "Size", _pairs({key: f"{count:,}" for key, count in card["counts"].items()}))
        hint = f"The data is not on this machine; kgtuner datasets info {name} --download fetches it."
        console.print(Text(f"\n{printable(hint)}"))
        return
    numbers = {
        key.replace("_", " "): _number(n) for key, n in statistics.items() if isinstance(n, int | float)
    }
    numbers |= {f"{kind} relations": str(count) for kind, count in statistics["category_counts"].items()}
    _section(console, "Statistics", _pairs(numbers))
    found = finding_lines([(finding["kind"], finding["message"]) for finding in findings])
    _section(console, "Findings", Text("\n".join(map(printable, found)) or "nothing questionable"))


def finding_lines(findings: Sequence[tuple[str, str]]) -> list[str]:
    """A line for each finding (kind, message), the first few of a kind; `--json` has all."""
    lines: list[str] = []
    for kind in dict.fromkeys(kind for kind, _ in findings):
        messages = [message for other, message in findings if other == kind]
        lines += [f"- {message}" for message in messages[:FINDINGS]]
        if len(messages) > FINDINGS:
            more = len(messages) - FINDINGS
            lines.append(f"  and {more:,} more such {kind.replace('_', ' ')} (--json lists all)")
    return lines


def best_trials(trials: Any, metric: str) -> Table:
    """The best trials of the last stage that has any: a column each, a row for each hyper-parameter."""
    done = trials[trials["value"].notna()]
    full = done[done["stage"] == "full"]
    best = (
        (full if len(full) else done).sort_values("value", ascending=False, kind="stable").head(BEST_TRIALS)
    )
    rows = best.to_dict("records")
    table = _table("" if len(full) else "(on the subgraph)", *(_trial_title(row) for row in rows))
    sign = -1 if metric == "mean_rank" else 1
    _row(
        table,
        f"{metric_title(metric)} on validation",
        *(metric_value(metric, sign * r["value"]) for r in rows),
    )
    _row(table, "time", *(format_seconds(row["seconds"]) for row in rows))
    for name in (column for column in best.columns if "." in str(column)):
        values = [setting(row[name]) for row in rows]
        if any(values):
            _row(table, str(name), *values)
    return table


def _trained_for(trials: Any) -> tuple[str, str]:
    """Titles of the best and the default configuration that say how long each was trained."""
    done = trials[trials["value"].notna()]
    full = done[done["stage"] == "full"]
    best = full if len(full) else done
    default = full[full["default"].eq(True)] if "default" in full.columns else full.iloc[:0]
    titles = []
    for title, rows in (("best found", best), ("default configuration", default)):
        seconds = rows.sort_values("value", ascending=False, kind="stable")["seconds"].head(1).tolist()
        titles.append(f"{title} ({format_seconds(seconds[0])} of training)" if seconds else title)
    return titles[0], titles[1]


def metrics_table(columns: Mapping[str, Mapping[str, Any]]) -> Table:
    """One row a metric, one column for each of `columns`; the better of two is bold."""
    table = _table("", *columns)
    for name in REPORTED:
        values = [column.get(name) for column in columns.values()]
        texts = [Text(metric_value(name, value)) for value in values]
        if len(texts) > 1 and all(value is not None and math.isfinite(value) for value in values):
            numbers = [float(value) for value in values if value is not None]
            best = numbers.index((min if name == "mean_rank" else max)(numbers))
            texts[best].stylize("bold")
        table.add_row(Text(metric_title(name)), *texts)
    return table


def stages_table(stages: Sequence[Mapping[str, Any]], seconds: float) -> Table:
    """Trials and time of each stage; the total has the preparations and the final evaluation as well."""
    table = _table("stage", "trials", "failed", "time")
    for stage in stages:
        title = STAGE_TITLES.get(stage["stage"], str(stage["stage"]))
        _row(table, title, str(stage["trials"]), str(stage["failed"]), format_seconds(stage["seconds"]))
    total = [sum(stage[key] for stage in stages) for key in ("trials", "failed")]
    _row(table, "all", *map(str, total), format_seconds(seconds))
    return table


PLACES = {
    "best configuration": "best.yaml",
    "best model": "best.safetensors",
    "trials": "trials.csv",
    "report": "report.html",
    "log": "log.txt",
}


def places(output: Path) -> dict[str, str]:
    """The files of a run that a user may want, those that are there."""
    return {what: str(output / name) for what, name in PLACES.items() if (output / name).exists()}


def places_table(output: Path) -> Table:
    return _pairs({"run folder": output, **places(output)})


def next_commands(result: TuneResult, graph: str | None) -> list[str]:
    """What to type next: go on where the run was interrupted, else ask the model and train it once more."""
    place = _quoted(result.output)
    if result.stopped_by == "interrupted":
        return [f"kgtuner tune --resume {place}"]
    commands = ask_commands(result.output)
    if graph is not None:
        commands.append(
            f"kgtuner train {_quoted(graph)} --config {_quoted(result.output / 'best.yaml')} --seed 1"
        )
    return commands


def ask_commands(output: Path) -> list[str]:
    """How to evaluate the model of a run, and how to ask it about a triple that it was not trained on."""
    place = _quoted(output)
    commands = [f"kgtuner evaluate {place} --split test"]
    try:
        graph = KnowledgeGraph.load(output / "graph", verify=False)
    except KGTunerError:  # a result without its folder has nobody to ask
        return commands
    questions = [
        {"head": graph.entities[int(head)], "relation": graph.relations[int(relation)]}
        for head, relation, _ in itertools.chain(
            graph.test[:TRIPLES], graph.valid[:TRIPLES], graph.train[:TRIPLES]
        )
    ]
    questions = [names for names in questions if all(name == printable(name) for name in names.values())]
    if not questions:
        return commands
    # The first that needs no quoting, if there is one: the easiest to change into a question of one's own.
    plain = (names for names in questions if all(name == shlex.quote(name) for name in names.values()))
    asked = " ".join(_option(part, name) for part, name in next(plain, questions[0]).items())
    return [*commands, f"kgtuner predict {place} {asked} -k 10"]


def _option(name: str, value: str) -> str:
    """An option that is read as such whatever its value begins with."""
    return f"--{name}{'=' if value.startswith('-') else ' '}{shlex.quote(value)}"


def _trial_title(row: Mapping[str, Any]) -> str:
    return f"trial {row['number']}" + (" (default)" if bool(row.get("default")) else "")


def _breakdown(parts: Mapping[str, Metrics], title: str) -> Table:
    table = _table(title, *map(metric_title, REPORTED), "ranked")
    for name, metrics in parts.items():
        values = metrics.to_mapping()
        _row(table, name, *(metric_value(key, values[key]) for key in REPORTED), f"{values['count']:,}")
    return table


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column(Text(printable(first)), overflow="fold")
    for title in others:
        table.add_column(Text(printable(title)), justify="right", overflow="fold")
    return table


def _row(table: Table, *cells: str) -> None:
    table.add_row(*(Text(printable(cell)) for cell in cells))


def _pairs(pairs: Mapping[str, object]) -> Table:
    """Titles on the left, values on the right."""
    table = Table.grid(padding=(0, 2, 0, 0))
    for title, value in pairs.items():
        table.add_row(Text(printable(title)), Text(printable(value), overflow="fold"))
    return table


def _section(console: Console, title: str, content: Table | Text) -> None:
    console.print(Text(f"\n{printable(title)}", style="bold"))
    console.print(content, soft_wrap=isinstance(content, Text))  # a command is copied in one piece


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"


def _quoted(path: str | Path) -> str:
    return shlex.quote(printable(path))
