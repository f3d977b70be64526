"""Results as HTML for notebooks: small tables, all text escaped."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kgtuner.plots.style import METRIC_TITLES

if TYPE_CHECKING:
    from kgtuner.tuning.result import TuneResult
    from kgtuner.tuning.trained import TrainResult

SHOWN = ("mrr", "hits_at_1", "hits_at_3", "hits_at_10", "mean_rank")


def tuned_html(result: TuneResult) -> str:
    """The best configuration, its metrics beside the default's, and what the run cost."""
    on_test = result.test is not None
    best = result.test.overall.to_mapping() if result.test is not None else result.best_metrics
    columns = {"best found": best}
    if on_test and result.default_test is not None:
        columns["default configuration"] = result.default_test.overall.to_mapping()
    elif not on_test and result.default_metrics is not None:
        columns["default configuration"] = result.default_metrics
    trials = sum(stage["trials"] for stage in result.stages)
    failed = sum(stage["failed"] for stage in result.stages)
    cost = f"{trials} trials ({failed} failed) in {result.seconds:,.0f} s, stopped by {result.stopped_by}"
    sampled = "" if result.test is None or result.test.sample is None else f"; {result.test.sample}"
    return (
        f"<p><b>{_text(result.best_config.model.name)}</b>, {_text('test' if on_test else 'validation')} metrics"
        f"{_text(sampled)}; "
        f"{_text(cost)}; {_text(result.output)}</p>"
        f"{metrics_html(columns)}<pre>{_text(result.best_config.to_yaml())}</pre>"
    )


def trained_html(result: TrainResult) -> str:
    """The validation metrics of one training and what it cost."""
    report = result.report
    cost = f"{report['steps']:,} steps in {report['seconds']:,.0f} s, stopped by {report['stopped_by']}"
    place = f"; {result.output}" if result.output is not None else ""
    name = report["config"]["model"]["name"]
    return (
        f"<p><b>{_text(name)}</b>, validation metrics; {_text(cost + place)}</p>"
        f"{metrics_html({'best': report['valid']})}"
    )


def metrics_html(columns: Mapping[str, Mapping[str, Any]]) -> str:
    """A table with a row for each metric."""
    rows = [
        [METRIC_TITLES[name], *(_number(name, values.get(name)) for values in columns.values())]
        for name in SHOWN
    ]
    return table_html(["", *columns], rows)


def table_html(head: Sequence[object], rows: Sequence[Sequence[object]]) -> str:
    """A plain table of texts."""
    top = "".join(f"<th>{_text(cell)}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{_text(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def _number(name: str, value: Any) -> str:
    if value is None or value != value:
        return "–"
    return f"{value:,.1f}" if name == "mean_rank" else f"{value:.4f}"


def _text(value: object) -> str:
    return html.escape(str(value))
