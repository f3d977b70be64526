"""What a report says in each state of a run."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from benchmarks.report import make_graph
from kgtuner.report.html.page import render, script_json
from kgtuner.report.html.reading import Best, RunReport, read_run
from kgtuner.report.html.sections import answer, sections_of
from kgtuner.tuning.run_folder import RunFolder

NewRun = Callable[..., RunFolder]
ANCHORS = [
    "answer", "progress", "trials", "importance", "effects", "combinations", "transfer", "learning", "relations",
    "budget", "reproduce",
]  # fmt: skip


def blocks(value: Any) -> Iterator[dict[str, Any]]:
    """All blocks of a section, however deep."""
    if isinstance(value, dict):
        if "type" in value:
            yield value
        for item in value.values():
            yield from blocks(item)
    elif isinstance(value, list):
        for item in value:
            yield from blocks(item)


def by_anchor(path: Path) -> dict[str, Any]:
    return {section["anchor"]: section for section in sections_of(read_run(path))}


def said(section: Any) -> str:
    """All sentences of a section."""
    return " ".join(b["text"] for b in blocks(section) if b["type"] in ("text", "notice"))


def test_the_answer_comes_first_with_the_configuration_to_copy(
    ended_run: Path, sections: dict[str, Any]
) -> None:
    assert list(sections) == ANCHORS
    found = [b for b in blocks(sections["answer"]) if b["type"] == "code"]
    assert found[0]["text"] == (ended_run / "best.yaml").read_text()


def test_every_trial_is_in_the_table_with_its_reason(sections: dict[str, Any]) -> None:
    table = next(b for b in blocks(sections["trials"]) if b["type"] == "table")
    assert len(table["rows"]) == 40
    note = [c["title"] for c in table["columns"]].index("note")
    notes = {row[note] for row in table["rows"]}
    assert "diverged: 17 of 512 scores are not finite" in notes
    assert "default configuration; goes on from trial 0" in notes
    assert table["marks"].count("best") == 1


def test_the_page_is_plain_json_below_three_megabytes(sections: dict[str, Any]) -> None:
    shown = list(sections.values())
    assert json.loads(script_json(shown)) is not None
    assert len(render("run", shown)) < 3_000_000


@pytest.mark.parametrize(
    "options",
    [
        {"trials": 2},
        {"ended": False},
        {"two_stages": False},
        {"metric": "mean_rank"},
        {"trials": 1, "ended": False},
    ],
)
def test_every_kind_of_run_has_a_page(new_run: NewRun, options: dict[str, Any]) -> None:
    sections = by_anchor(new_run(**options).path)
    assert list(sections) == ANCHORS
    render("run", list(sections.values()))


def test_a_run_that_has_only_begun_has_a_page(new_run: NewRun) -> None:
    folder = new_run(ended=False)
    folder.study.unlink()
    sections = by_anchor(folder.path)
    assert said(sections["answer"]).startswith("No trial has a value yet")
    assert said(sections["trials"]) == "No trial has begun yet."


def test_a_run_of_one_stage_says_that_nothing_was_transferred(new_run: NewRun) -> None:
    assert said(by_anchor(new_run(two_stages=False).path)["transfer"]) == "This run had one stage only."


def test_few_trials_are_not_drawn_as_if_they_were_many(new_run: NewRun) -> None:
    sections = by_anchor(new_run(trials=4).path)
    assert "at least 10 are needed" in said(sections["importance"])
    assert "too few to show an effect" in said(sections["effects"])
    assert not [b for b in blocks(sections["effects"]) if b["type"] == "figure"]


def test_names_of_the_graph_are_safe_to_show(new_run: NewRun) -> None:
    graph = make_graph(names=["<script>alert(1)</script>"], relation_names=["</script>\x1b[31m"])
    text = script_json(sections_of(read_run(new_run(graph=graph).path)))
    assert "\\u003c/script\\u003e\\\\x1b[31m" in text
    assert "<" not in text


@pytest.fixture
def won(ended_run: Path) -> RunReport:
    """A best that differs from the default in three things, two of which the importance knows."""
    report = read_run(ended_run, with_examples=False)
    assert report.default_flat is not None
    flat = {**report.default_flat, "loss.name": "margin", "loss.margin": 6.0, "optimizer.learning_rate": 0.25}
    best = Best("", flat, "full", number=3, default=False, seconds=2.0, steps=100)
    usual = report.default_flat | {"loss.name": "cross_entropy", "optimizer.learning_rate": 0.1}
    usual.pop("loss.margin", None)
    shares = pd.DataFrame(
        {
            "name": ["optimizer.learning_rate", "model.dimension", "loss.name"],
            "ped_anova": [0.6, 0.37, 0.03],
            "fanova": [0.6, 0.37, 0.03],
            "n": [30, 30, 30],
        }
    )
    return dataclasses.replace(report, best=best, default_flat=usual, importances={"subgraph": shares})


def tables(section: Any) -> dict[str, Any]:
    return {b["label"]: b for b in blocks(section) if b["type"] == "table"}


def test_the_answer_says_that_only_a_sample_of_test_was_ranked(won: RunReport) -> None:
    assert "sample" not in said(answer(won))
    sample = {"ranked": 9_000, "of": 162_870, "standard_error": 0.00312}
    text = said(answer(dataclasses.replace(won, test={**(won.test or {}), "sample": sample})))
    assert (
        "A random sample of 9,000 of the 162,870 triples was ranked; the standard error of the MRR is 0.0031"
        in text
    )
    assert "--split test" in text


DIFFERENCES = "where the best configuration differs from the default"


def test_the_answer_says_where_the_best_differs_from_the_default(won: RunReport) -> None:
    assert sorted(tables(answer(won))[DIFFERENCES]["rows"]) == [
        ["loss.margin", "6", "–"],
        ["loss.name", "margin", "cross_entropy"],
        ["optimizer.learning_rate", "0.25", "0.1"],
    ]


def test_the_answer_says_which_of_the_differences_mattered(won: RunReport) -> None:
    # loss.name has 3 %, too little to be named; model.dimension does not differ.
    assert (
        "Of these, optimizer.learning_rate (60%) had most of the importance by PED-ANOVA (stage 1, subgraph); "
        "together the differences that it judged have 63%."
    ) in said(answer(won))


def test_differences_that_did_not_matter_are_not_said_to_have_won(won: RunReport) -> None:
    assert won.default_flat is not None
    same_rate = won.default_flat | {"optimizer.learning_rate": 0.25}
    assert "None of these has 5% or more" in said(answer(dataclasses.replace(won, default_flat=same_rate)))


def test_too_few_trials_do_not_say_why_the_best_won(won: RunReport) -> None:
    assert "Too few trials" in said(answer(dataclasses.replace(won, importances={})))


def test_a_default_that_won_does_not_stand_beside_itself(won: RunReport) -> None:
    assert won.best is not None
    assert len(tables(answer(won))["metrics on test"]["columns"]) == 3
    default = dataclasses.replace(won, best=dataclasses.replace(won.best, default=True))
    found = tables(answer(default))
    assert len(found["metrics on test"]["columns"]) == 2
    assert DIFFERENCES not in found
