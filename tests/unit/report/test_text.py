from __future__ import annotations

import pytest

from kgtuner.report.text import metric_title, metric_value, printable, setting


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("\x1b[31mred", "\\x1b[31mred"),  # would colour the rest of the terminal
        ("a\rb\nc\td", "a\\rb\\nc\\td"),
        ("\x9b2J", "\\x9b2J"),  # the same escape in one character
        ("evil\u202etxt", "evil\\u202etxt"),  # would write backwards
        ("\udc80", "\\udc80"),  # cannot be written as UTF-8
        ("[red]Åland 島 🏝", "[red]Åland 島 🏝"),
    ],
)
def test_control_characters_are_shown_and_all_else_stays(given: str, shown: str) -> None:
    assert printable(given) == shown


def test_line_breaks_stay_where_they_are_wanted() -> None:
    assert printable("a\nb\x07", lines=True) == "a\nb\\x07"


def test_metrics_have_names_and_digits() -> None:
    assert metric_title("hits_at_10") == "Hits@10"
    assert metric_value("mrr", 0.48371) == "0.4837"
    assert metric_value("mean_rank", 1234.56) == "1,234.6"
    assert metric_value("mrr", None) == metric_value("mrr", float("nan")) == "–"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (float("nan"), ""),
        (None, ""),
        (200.0, "200"),
        (0.00123456, "0.001235"),
        ("ada\x1b", "ada\\x1b"),
        (True, "True"),
    ],
)
def test_settings_are_short(value: object, shown: str) -> None:
    assert setting(value) == shown
