"""What a report says, section by section, the answer first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kgtuner.evaluation.evaluator import Sample
from kgtuner.plots.curves import curves_figure
from kgtuner.plots.effects import LEAST, effect_figure, effect_rows
from kgtuner.plots.history import history_figure
from kgtuner.plots.importance import importance_figure, importance_sentence, judged
from kgtuner.plots.parallel import parallel_figure
from kgtuner.plots.spending import spending_figure
from kgtuner.plots.style import measured, of_equal_time, sign, varied
from kgtuner.plots.transfer import transfer_figure, transfer_sentence
from kgtuner.report.html.blocks import (
    Block,
    cards,
    code,
    column,
    figure,
    grid,
    section,
    table,
    tabs,
    text,
)
from kgtuner.report.html.reading import RunReport
from kgtuner.report.html.relations import TITLE, relation_section
from kgtuner.report.html.reproducing import reproduce
from kgtuner.report.tables import sampled_sentence
from kgtuner.report.text import metric_title, metric_value, setting
from kgtuner.tuning.budget import format_seconds
from kgtuner.tuning.result import STAGES
from kgtuner.tuning.trials import UNSAID

REPORTED = ("mrr", "hits_at_1", "hits_at_3", "hits_at_10", "mean_rank")
STATES = {
    "finished": "finished",
    "interrupted": "interrupted",
    "running": "running",
    "unfinished": "not finished",
}
STAGE_NAMES = {"subgraph": "Stage 1, subgraph", "full": "Stage 2, full graph"}
ROWS = 20
"""Trials that the table shows at first."""
NOTABLE, NAMED = 0.05, 3
"""Share of the importance from which a difference to the default is named, and how many are."""
EFFECTS = 12
"""Hyper-parameters of a stage whose effect is drawn, the most important ones."""


def sections_of(report: RunReport) -> list[Block]:
    """All sections of a report. What a run does not have is said in a sentence."""
    return [
        answer(report),
        progress(report),
        all_trials(report),
        importance(report),
        effects(report),
        combinations(report),
        transfer(report),
        learning(report),
        knowledge(report),
        spending(report),
        reproduce(report),
    ]


def answer(report: RunReport) -> Block:
    best = report.best
    if best is None:
        return section(
            "answer", "Answer", text("No trial has a value yet, so there is no configuration to recommend.")
        )
    found = report.test or report.valid or {}
    where = "test" if report.test is not None else "validation"
    if best.stage == "subgraph":
        where = "the subgraph's validation"
    title = metric_title(report.metric)
    shown = dict.fromkeys((report.metric, "mrr", "hits_at_1", "hits_at_10"))
    # One sentence of what to think of it, then the figures behind it.
    blocks = [
        text(_verdict(report)),
        cards(
            *(
                (f"{metric_title(name)} on {where}", metric_value(name, found.get(name)), "")
                for name in shown
            ),
            ("trials", f"{_ended(report)}", f"{_failed(report)} failed"),
            ("time", format_seconds(report.seconds), f"budget {report.settings.budget}"),
        ),
        _metrics(report, where),
        *_sampled(report),
        *_why(report),
        code(best.yaml, "Best configuration (best.yaml)"),
    ]
    blocks += [text(note, quiet=True) for note in report.notes]
    return section("answer", "Answer", *blocks, lead=f"What the search for the best {title} found.")


def _verdict(report: RunReport) -> str:
    best = report.best
    assert best is not None
    model = best.flat["model.name"]
    if best.stage == "subgraph":
        return (
            f"The best so far is a {model} configuration from trial {best.number} on the subgraph; nothing has been "
            "trained on the full graph yet, so its figures say little about the full graph."
        )
    what = "the default configuration of" if best.default else "a configuration of"
    trained = f"trial {best.number} of stage 2, {format_seconds(best.seconds)} of training"
    sentence = f"Best: {what} {model} ({trained})."
    ours = (report.test or report.valid or {}).get(report.metric)
    default = (report.default_test if report.test is not None else report.default_valid) or {}
    theirs = default.get(report.metric)
    if best.default:
        return f"{sentence} Nothing that the search proposed was better within this budget."
    if ours is not None and theirs is not None:
        title = metric_title(report.metric)
        seconds = format_seconds(report.default_seconds or 0.0)
        sentence += (
            f" {title} {metric_value(report.metric, ours)}; the default configuration reached "
            f"{metric_value(report.metric, theirs)} in its own trial ({seconds} of training)."
        )
    return sentence


def _metrics(report: RunReport, where: str) -> Block:
    """The best beside the default and what others published, on the same split."""
    assert report.best is not None
    on_test = report.test is not None
    columns = [
        (
            f"best found, {format_seconds(report.best.seconds)} of training",
            report.test if on_test else report.valid,
        )
    ]
    default = report.default_test if on_test else report.default_valid
    if default is not None and report.best.stage == "full" and not report.best.default:
        seconds = format_seconds(report.default_seconds or 0.0)
        columns.append((f"default configuration, {seconds} of training", default))
    if on_test:
        columns += [(f"published: {other.title}", other.metrics) for other in report.published]
    values = [metrics or {} for _, metrics in columns]
    rows = [
        [metric_title(name), *(metric_value(name, metrics.get(name)) for metrics in values)]
        for name in REPORTED
        if any(metrics.get(name) is not None for metrics in values)
    ]
    return table(
        [column(where, kind="text"), *(column(title, kind="text") for title, _ in columns)],
        rows,
        label=f"metrics on {where}",
    )


def _sampled(report: RunReport) -> list[Block]:
    """That only a part of the test triples was ranked, where it was."""
    sample = (report.test or {}).get("sample")
    return [] if sample is None else [text(sampled_sentence(Sample(**sample), report.folder))]


def _why(report: RunReport) -> list[Block]:
    """Where the best differs from the default, and what the importance says about that."""
    best, default = report.best, report.default_flat
    if best is None or default is None or best.default:
        return []
    found, usual = UNSAID | best.flat, UNSAID | default
    names = [name for name in dict.fromkeys((*found, *usual)) if found.get(name) != usual.get(name)]
    if not names:
        return [text("Its settings are those of the default configuration.")]
    rows = [[name, *(setting(one.get(name)) or "–" for one in (found, usual))] for name in names]
    columns = [column(title, kind="text") for title in ("where they differ", "best", "default")]
    label = "where the best configuration differs from the default"
    return [table(columns, rows, label=label), text(_weighed(report, names))]


def _weighed(report: RunReport, names: Sequence[str]) -> str:
    """What PED-ANOVA says of some hyper-parameters, in the stage that has most trials."""
    ranked = {stage: judged(shares) for stage, shares in report.importances.items()}
    ranked = {stage: shares for stage, shares in ranked.items() if len(shares)}
    if not ranked:
        return "Too few trials, or too alike, to say which of these differences mattered."
    stage = max(ranked, key=lambda name: int(ranked[name]["n"].max()))
    where = STAGE_NAMES[stage].lower()
    shares = ranked[stage].set_index("name")["ped_anova"]
    of_these = shares[[name for name in shares.index if name in names]]
    large = of_these[of_these >= NOTABLE].sort_values(ascending=False, kind="stable")[:NAMED]
    if not len(large):
        return (
            f"None of these has {NOTABLE:.0%} or more of the importance by PED-ANOVA ({where}): the trials do not say "
            "which of the differences made the best configuration better."
        )
    named = ", ".join(f"{name} ({share:.0%})" for name, share in large.items())
    return (
        f"Of these, {named} had most of the importance by PED-ANOVA ({where}); together the differences that it "
        f"judged have {of_these.sum():.0%}. It says what the best trials share, not what each change alone would do."
    )


def progress(report: RunReport) -> Block:
    return section(
        "progress",
        "Progress",
        figure(
            history_figure(report.trials, report.metric),
            caption="The two stages validate on different graphs: their heights do not compare.",
        ),
        lead=f"Best {metric_title(report.metric)} on validation over the time of the budget.",
    )


def all_trials(report: RunReport) -> Block:
    trials = report.trials
    if not len(trials):
        return section("trials", "Trials", text("No trial has begun yet."))
    names = [
        str(c) for c in trials.columns if "." in str(c) and trials[c].notna().any() and _tells(trials, str(c))
    ]
    metric = metric_title(report.metric)
    columns = [
        column("stage", kind="text"), column("trial"),
        column("state", kind="text", hint="complete: to its own end; stopped: its time was up"),
        column(metric, digits=1 if report.metric == "mean_rank" else 4, hint="on validation"),
        column("seconds", digits=1), column("steps"), column("note", kind="text"),
        *(column(name, kind="setting") for name in names),
    ]  # fmt: skip
    several = trials[trials["stage"] == "subgraph"]["fidelity"].nunique() > 1
    rows, marks = [], []
    for row in trials.to_dict("records"):
        value = row["value"]
        rows.append(
            [
                (f"1, {row['fidelity']}" if several else "1") if row["stage"] == "subgraph" else "2",
                int(row["number"]),
                row["state"],
                None if _absent(value) else sign(report.metric) * value,
                row["seconds"],
                None if _absent(row["steps"]) else int(row["steps"]),
                _note(row),
                *(_setting(row[name]) for name in names),
            ]
        )
        best = report.best
        is_best = best is not None and (row["stage"], row["number"]) == (best.stage, best.number)
        marks.append("best" if is_best else "failed" if row["state"] == "failed" else "")
    order = sorted(range(len(rows)), key=lambda i: (rows[i][0] != "2", -_or_least(trials["value"].iloc[i])))
    return section(
        "trials",
        "Trials",
        table(
            columns, [rows[i] for i in order], sortable=True, filters=(0, 2), limit=ROWS, label="all trials",
            memory=_memory(report), marks=[marks[i] for i in order],
        ),
        lead=f"All {len(rows)} trainings with what they were and what became of them. A click on a heading sorts.",
    )  # fmt: skip


def importance(report: RunReport) -> Block:
    shown = []
    for stage, ranked in report.importances.items():
        n = len(of_equal_time(measured(report.trials, stage)))
        shown.append(
            (
                STAGE_NAMES[stage],
                [figure(importance_figure(ranked, n), caption=importance_sentence(ranked, n))],
            )
        )
    return section(
        "importance",
        "What mattered",
        tabs(*shown) or text("No trial has ended yet."),
        lead="How much each hyper-parameter decided, by two measures that look at different things.",
    )


def effects(report: RunReport) -> Block:
    shown = []
    for stage in STAGES:
        rows = of_equal_time(measured(report.trials, stage))
        if not len(rows):
            continue
        ranked = report.importances[stage]["name"].tolist() if stage in report.importances else []
        names = [*ranked, *(name for name in varied(rows) if name not in ranked)][:EFFECTS]
        enough = [n for n in names if len(effect_rows(report.trials, n, stage)) >= LEAST]
        drawn = [
            figure(effect_figure(report.trials, n, report.metric, stage), title=_applies(rows, n))
            for n in enough
        ]
        scarce = [n for n in names if n not in enough]
        blocks: list[Block] = [grid(*drawn)] if drawn else []
        if scarce:
            blocks.append(
                text(f"Fewer than {LEAST} trials each, too few to show an effect: {', '.join(scarce)}.")
            )
        if not names:
            blocks.append(text("All trials of this stage are alike: there is no effect to show."))
        shown.append((STAGE_NAMES[stage], blocks))
    return section(
        "effects",
        "Effect of each hyper-parameter",
        tabs(*shown) or text("No trial has a value yet."),
        short="Effects",
        lead="Above, each trial by value and metric. Below, how trials with a value rank among all of the stage: "
        "the bands hold 50 % and 80 % of them, the line is the median, the best is on top.",
    )


def combinations(report: RunReport) -> Block:
    shown = []
    for stage in STAGES:
        if not len(measured(report.trials, stage)):
            continue
        ranked = report.importances[stage]["name"].tolist() if stage in report.importances else []
        drawn = parallel_figure(report.trials, report.metric, stage, ranked[:EFFECTS] or None)
        width = 95 * (min(len(ranked), EFFECTS) + 1) if ranked else 700
        shown.append((STAGE_NAMES[stage], [figure(drawn, least_width=width)]))
    return section(
        "combinations",
        "Combinations",
        tabs(*shown) or text("No trial has a value yet."),
        lead="Each line is a trial. Where a hyper-parameter does not apply, its line passes below the axis.",
    )


def transfer(report: RunReport) -> Block:
    if not report.settings.two_stages:
        return section(
            "transfer",
            "From the subgraph to the full graph",
            text("This run had one stage only."),
            short="Transfer",
        )
    return section(
        "transfer",
        "From the subgraph to the full graph",
        figure(transfer_figure(report.pairs, report.metric), caption=transfer_sentence(report.pairs)),
        short="Transfer",
        lead="Configurations that were trained on both. A subgraph is worth its time when it orders them as the full "
        "graph does.",
    )


def learning(report: RunReport) -> Block:
    shown = [
        (STAGE_NAMES[stage], [figure(curves_figure(report.curves[stage], report.metric))])
        for stage in reversed(STAGES)
        if stage in report.curves
    ]
    return section(
        "learning",
        "Learning curves",
        tabs(*shown) or text("No training has validated yet."),
        lead="Validation while training, the best trainings in colour. A trial validates on a sample.",
    )


def knowledge(report: RunReport) -> Block:
    if report.test is None:
        return section(
            "relations",
            TITLE,
            text("Metrics per relation come with the test, which is ranked once, at the end of the run."),
        )
    return relation_section(report.test, report.relations, report.examples, _memory(report), "test")


def _memory(report: RunReport) -> str:
    """What keeps the choices that a reader made in one run's tables apart from another's."""
    return f"{report.fingerprint}:{report.started}"


def spending(report: RunReport) -> Block:
    spent = report.spent[report.spent["seconds"] > 0]
    total = max(float(spent["seconds"].sum()), 1e-9) if len(spent) else 1.0
    rows = [[p, w, s, 100 * s / total] for p, w, s in spent.to_numpy().tolist()]
    columns = [
        column("", kind="text"),
        column("for", kind="text"),
        column("seconds", digits=1),
        column("%", digits=1),
    ]
    return section(
        "budget",
        "How the budget was spent",
        figure(spending_figure(report.spent)),
        table(columns, rows, label="time") if rows else {},
        short="Budget",
        lead=f"{format_seconds(report.seconds)} of a budget of {report.settings.budget}.",
    )


def _ended(report: RunReport) -> int:
    return sum(stage["trials"] for stage in report.stages)


def _failed(report: RunReport) -> int:
    return sum(stage["failed"] for stage in report.stages)


def _note(row: Mapping[str, Any]) -> str | None:
    """Why a trial failed, or what it was apart from a proposal."""
    notes = []
    if not _absent(row.get("reason")):
        message = row.get("message")
        notes.append(f"{row['reason']}: {message}" if not _absent(message) else str(row["reason"]))
    if row.get("default") is True:
        notes.append("default configuration")
    if not _absent(row.get("again")):
        notes.append(f"goes on from trial {int(row['again'])}")
    return "; ".join(notes) or None


def _applies(rows: Any, name: str) -> str:
    n = int(rows[name].notna().sum())
    return name if n == len(rows) else f"{name} (applies to {n} of {len(rows)} trials)"


def _tells(trials: Any, name: str) -> bool:
    """Whether a hyper-parameter's column says anything: it varies, or applies to some trials only."""
    return trials[name].nunique() > 1 or name == "model.name"


def _setting(value: Any) -> Any:
    return None if _absent(value) else value


def _absent(value: Any) -> bool:
    return value is None or value != value


def _or_least(value: Any) -> float:
    return float("-inf") if _absent(value) else float(value)
