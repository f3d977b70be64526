"""Sections become one file in which text stays text."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest

from kgtuner.report.html.blocks import cell, code, facts, section, table, text
from kgtuner.report.html.page import render, script_json

HOSTILE = (
    "<script>alert(1)</script>", "</script><img src=x onerror=alert(1)>", "<!-- <script>", "]]>", "\u2028\u2029",
    "&lt;b&gt;", "{{ 7 * 7 }}", "{% raw %}", "'\"`\\", "\ud800",
)  # fmt: skip


class Scripts(HTMLParser):
    """The elements of a page and the content of its scripts, as a browser would take them apart."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.contents: dict[str, str] = {}
        self._inside: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "script":
            self._inside = dict(attrs).get("id") or "page"

    def handle_endtag(self, tag: str) -> None:
        self._inside = None

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.contents[self._inside] = self.contents.get(self._inside, "") + data


def parsed(page: str) -> Scripts:
    parser = Scripts()
    parser.feed(page)
    return parser


@pytest.mark.parametrize("name", HOSTILE)
def test_json_in_a_script_has_no_character_that_means_something_to_html(name: str) -> None:
    written = script_json({"name": name})
    assert not set(written) & set("<>&\u2028\u2029")
    assert json.loads(written) == {"name": name}


def test_a_hostile_name_adds_no_element_to_the_page() -> None:
    harmless = parsed(render("title", [section("a", "A", text("x"))]))
    hostile = "".join(HOSTILE[:-1])
    page = render(
        hostile, [section("a", hostile, text(hostile), code(hostile, hostile), facts({hostile: hostile}))]
    )
    assert parsed(page).tags == harmless.tags
    assert json.loads(parsed(page).contents["content"])["sections"][0]["title"] == hostile
    page.encode("utf-8")  # a lone surrogate in a name could not be written


def test_the_title_is_escaped_where_it_stands_outside_of_the_script() -> None:
    page = render("<b>&", [])
    assert "<title>&lt;b&gt;&amp;</title>" in page


def test_a_name_in_template_syntax_is_not_evaluated() -> None:
    page = render("{{ 7 * 7 }}", [section("a", "A", text("{{ 7 * 7 }}"))])
    assert "49" not in parsed(page).contents["content"]
    assert "<title>{{ 7 * 7 }}</title>" in page


def test_control_characters_and_such_that_turn_the_direction_are_shown_as_escapes() -> None:
    assert cell("a\x1b[31m\u202eb") == "a\\x1b[31m\\u202eb"


def test_no_address_is_loaded_from() -> None:
    head = render("title", []).partition("</head>")[0]
    assert not re.findall(r"(?:src|href)=\"(?!data:)", head)
    assert "default-src 'none'" in head


def test_the_file_is_below_three_megabytes_with_its_script() -> None:
    page = render("title", [])
    assert 1_000_000 < len(page) < 2_200_000


def test_a_number_that_is_not_finite_is_an_empty_cell() -> None:
    block = table([], [[float("nan"), float("inf"), 1 / 3, None, 7, True]])
    assert block["rows"] == [[None, None, 0.333333, None, 7, "true"]]


def test_only_a_live_page_loads_itself_again() -> None:
    assert json.loads(parsed(render("t", [])).contents["content"])["reload"] is None
    assert json.loads(parsed(render("t", [], reload_seconds=5)).contents["content"])["reload"] == 5
