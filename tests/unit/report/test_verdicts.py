from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from kgtuner.prediction import ClassificationMetrics, Neighbour, Verdict
from kgtuner.report.console import make_console
from kgtuner.report.verdicts import SHOWN, show_answered, show_metrics, show_neighbours, show_verdicts


def shown(show: Callable[..., None], *arguments: Any) -> str:
    stream = io.StringIO()
    show(*arguments, make_console(stream))
    return stream.getvalue()


def verdict(head: str, *, label: bool = True) -> Verdict:
    return Verdict(head, "likes", "b", label, 1.25, 1.0, 0.75, False)


def test_verdicts_are_printed_with_hostile_names_as_text() -> None:
    judged = [verdict("[red]a\x1b[2J"), verdict("c", label=False)]
    out = shown(show_verdicts, {"triples": 2, "true": 1}, judged, None)
    assert "([red]a\\x1b[2J, likes, b)" in out
    assert "\x1b" not in out
    assert [line.split()[-4:] for line in out.splitlines()[1:3]] == [
        ["true", "0.750", "1.25", "1"],
        ["false", "0.750", "1.25", "1"],
    ]
    assert out.endswith("1 of 2 triples taken for true\n")


def test_a_long_table_is_cut_with_a_word_about_the_rest() -> None:
    out = shown(show_verdicts, {"triples": SHOWN + 3, "true": 0}, [verdict("a")] * (SHOWN + 3), None)
    assert out.count("(a, likes, b)") == SHOWN
    assert "and 3 more; --json or --output FILE has all" in out


def test_a_file_of_verdicts_is_named() -> None:
    assert shown(show_verdicts, {"triples": 1200, "true": 3}, None, "v.csv") == (
        "3 of 1,200 triples taken for true; all verdicts in v.csv\n"
    )


def test_unanswered_questions_are_told() -> None:
    counts = {"questions": 1000, "answers": 9000, "unanswered": 100}
    out = shown(show_answered, counts, "a.csv")
    assert out.startswith("9,000 answers to 1,000 questions in a.csv; 100 have no answer")
    assert ";" not in shown(show_answered, {**counts, "unanswered": 0}, "a.csv")


def test_metrics_and_neighbours_are_tables() -> None:
    out = shown(show_metrics, ClassificationMetrics(3, 1, 4, 2), "test")
    assert "0.7000" in out  # 7 of 10
    assert out.splitlines()[-2].split() == ["true", "triples", "3", "2"]
    assert out.splitlines()[-1].split() == ["false", "triples", "1", "4"]
    assert shown(show_neighbours, "a", [Neighbour("b", 0.5)]).splitlines()[1].split() == ["b", "0.5000"]
