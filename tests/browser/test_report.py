"""The report in a real Chromium."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from tests.browser.conftest import Browser

pytestmark = pytest.mark.browser

Written = Callable[..., Path]
TRIALS = "document.querySelector('#trials table')"
CELLS = f"return [...{TRIALS}.querySelectorAll('tbody tr')].map((row) => [...row.cells].map((c) => c.textContent))"


def head(browser: Browser, title: str) -> int:
    """The position of a column of the table of trials."""
    titles = browser.run(f"return [...{TRIALS}.querySelectorAll('th')].map((th) => th.textContent)")
    return int(titles.index(title))


def click_head(browser: Browser, title: str) -> None:
    browser.run(f"{TRIALS}.querySelectorAll('th button')[arguments[0]].click()", head(browser, title))


def test_it_opens_and_draws_without_a_word_in_the_console(browser: Browser, written: Written) -> None:
    browser.open(written())
    browser.run("document.querySelectorAll('[role=tab]').forEach((tab) => tab.click())")
    browser.draw_all()
    assert browser.run("return plots.filter((p) => p.drawn).length") >= 8
    assert browser.console() == []


def test_nothing_is_asked_for_but_the_file_itself(browser: Browser, written: Written) -> None:
    browser.open(written())
    browser.draw_all()
    assert browser.requests() == [written().resolve().as_uri()]


def test_hostile_names_are_text(browser: Browser, written: Written) -> None:
    browser.open(written())
    browser.draw_all()
    seen = browser.run("return document.querySelector('#relations').textContent")
    assert "<script>alert(" in seen
    assert "</script><img src=x onerror=alert(" in seen
    assert "\\x1b[31m\\u202egnp" in seen
    assert (
        browser.run("return document.querySelectorAll('main script, main img, main b:not(.card b)').length")
        == 0
    )
    ticks = browser.run(
        "return [...document.querySelectorAll('#relations .ytick')].map((t) => t.textContent)"
    )
    assert "<b>bold</b>" in ticks


def test_a_click_sorts_and_a_second_one_turns_the_order(browser: Browser, written: Written) -> None:
    browser.open(written())
    browser.run(
        "[...document.querySelectorAll('#trials button')].find((b) => b.textContent === 'Show all').click()"
    )
    column = head(browser, "MRR")
    click_head(browser, "MRR")
    values = [row[column] for row in browser.run(CELLS)]
    assert len(values) == 60
    measured = [float(v) for v in values if v]
    assert measured == sorted(measured, reverse=True)
    assert "" in values  # failed trials
    assert values.index("") == len(measured)  # at the end
    click_head(browser, "MRR")
    values = [row[column] for row in browser.run(CELLS)]
    assert [float(v) for v in values if v] == sorted(measured)
    assert values.index("") == len(measured)  # still at the end
    assert (
        browser.run(f"return {TRIALS}.querySelectorAll('th')[arguments[0]].ariaSort", column) == "ascending"
    )


def test_filters_show_the_rows_that_match(browser: Browser, written: Written) -> None:
    browser.open(written())
    choose = "const s = document.querySelector('#trials select[aria-label=state]'); s.value = arguments[0]; "
    browser.run(choose + "s.dispatchEvent(new Event('change'))", "failed")
    rows = browser.run(CELLS)
    assert rows
    assert {row[head(browser, "state")] for row in rows} == {"failed"}
    assert all("diverged: 17 of 512" in row[head(browser, "note")] for row in rows)
    browser.run(choose + "s.dispatchEvent(new Event('change'))", "")
    search = (
        "const i = document.querySelector('#trials input'); i.value = arguments[0]; "
        "i.dispatchEvent(new Event('input'))"
    )
    browser.run(search, "goes on from")
    assert [row[head(browser, "note")] for row in browser.run(CELLS)] == [
        "default configuration; goes on from trial 0"
    ]
    browser.run(search, "nothing like this")
    assert browser.run(CELLS) == []


def test_a_remembered_choice_that_is_gone_hides_nothing(browser: Browser, written: Written) -> None:
    browser.open(written())
    select = "document.querySelector('#trials select[aria-label=state]')"
    browser.run(f"{select}.value = 'failed'; {select}.dispatchEvent(new Event('change'))")
    # As where the last trial with a state has another one since.
    browser.run(
        "for (const key of Object.keys(sessionStorage)) "
        "sessionStorage.setItem(key, sessionStorage.getItem(key).replace('failed', 'running'))"
    )
    browser.open(written())
    assert len(browser.run(CELLS)) == 20
    assert browser.run(f"return {select}.value") == ""


def test_a_choice_is_remembered_for_its_run_only(browser: Browser, written: Written, tmp_path: Path) -> None:
    from kgtuner.report.html.page import render
    from kgtuner.report.html.reading import read_run
    from kgtuner.report.html.sections import sections_of

    browser.open(written())
    select = "document.querySelector('#trials select[aria-label=state]')"
    browser.run(f"{select}.value = 'failed'; {select}.dispatchEvent(new Event('change'))")
    browser.open(written())
    assert browser.run(f"return {select}.value") == "failed"
    later = dataclasses.replace(
        read_run(written().parent, with_examples=False), started="2026-01-02T12:00:00+0000"
    )
    other = tmp_path / "report.html"
    other.write_text(render("later", sections_of(later)), encoding="utf-8")
    browser.open(other)
    assert browser.run(f"return {select}.value") == ""
    assert len(browser.run(CELLS)) == 20


def test_a_phone_does_not_scroll_sideways(browser: Browser, written: Written) -> None:
    browser.open(written(), width=360, height=740)
    browser.draw_all()
    assert browser.run("return document.documentElement.scrollWidth") == 360


def test_the_theme_follows_the_system_and_the_button(browser: Browser, written: Written) -> None:
    def becomes(paper: str) -> None:  # the browser tells the page of another preference when it gets to it
        browser.wait(f"return getComputedStyle(document.body).backgroundColor === '{paper}'")

    light, dark = "rgb(255, 255, 255)", "rgb(21, 24, 28)"
    browser.prefer("dark")
    browser.open(written())
    browser.run("sessionStorage.clear(); location.reload()")
    browser.wait("return document.documentElement.dataset.plots === 'ready'")
    becomes(dark)
    browser.prefer("light")
    becomes(light)
    browser.run("document.getElementById('theme').click()")
    becomes(dark)
    browser.run("sessionStorage.clear()")


def test_text_has_enough_contrast_in_both_themes(browser: Browser, written: Written) -> None:
    """At least 4.5 to 1, as WCAG 2.1 asks for (success criterion 1.4.3)."""
    browser.open(written())
    for theme in ("light", "dark"):
        browser.run("setTheme(arguments[0])", theme)
        colours = browser.run(
            "const s = getComputedStyle(document.documentElement);"
            "return Object.fromEntries(['paper', 'soft', 'best', 'ink', 'quiet', 'accent', 'good', 'bad']"
            ".map((name) => [name, s.getPropertyValue('--' + name).trim()]))"
        )
        pairs = [(t, p) for t in ("ink", "quiet", "accent", "good", "bad") for p in ("paper", "soft")]
        for ink, paper in [*pairs, ("ink", "best")]:
            assert contrast(colours[ink], colours[paper]) >= 4.5, (theme, ink, paper)


@pytest.mark.parametrize(("theme", "width"), [("light", 1200), ("dark", 1200), ("light", 360)])
def test_axe_finds_no_barrier(browser: Browser, written: Written, theme: str, width: int) -> None:
    browser.prefer(theme)
    browser.open(written(), width=width)
    browser.draw_all()
    assert browser.barriers() == []


def test_axe_names_a_barrier_where_there_is_one(browser: Browser, written: Written) -> None:
    browser.open(written())
    browser.run("document.querySelector('#subtitle').style.color = '#ccc'")
    browser.run("document.querySelector('main').append(element('img'))")
    assert {one.partition(":")[0] for one in browser.barriers()} == {"color-contrast", "image-alt"}


def test_everything_has_a_name_for_those_who_cannot_see_it(browser: Browser, written: Written) -> None:
    browser.open(written())
    unnamed = browser.run(
        "return [...document.querySelectorAll('button, input, select, a, table, [role=region], [role=tabpanel]')]"
        ".filter((e) => !(e.getAttribute('aria-label') || e.textContent.trim())).map((e) => e.outerHTML.slice(0, 80))"
    )
    assert unnamed == []
    levels = browser.run(
        "return [...document.querySelectorAll('h1, h2, h3, h4')].map((h) => Number(h.tagName[1]))"
    )
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert browser.run("return document.documentElement.lang") == "en"


def test_it_can_be_printed_with_all_trials(browser: Browser, written: Written) -> None:
    browser.open(written())
    assert len(browser.run(CELLS)) == 20
    browser.run("dispatchEvent(new Event('beforeprint'))")
    rows = browser.run(CELLS)
    assert len(rows) == 60
    stage, number = head(browser, "stage"), head(browser, "trial")
    assert len({(row[stage], row[number]) for row in rows}) == 60
    browser.run("dispatchEvent(new Event('afterprint'))")
    assert len(browser.run(CELLS)) == 20
    printed = base64.b64decode(browser.driver.execute_cdp_cmd("Page.printToPDF", {})["data"])
    assert printed.startswith(b"%PDF")


@pytest.mark.slow
def test_a_page_of_a_thousand_trials_opens_and_sorts(browser: Browser, written: Written) -> None:
    browser.open(written(1000))
    browser.draw_all()
    click_head(browser, "MRR")
    values = [row[head(browser, "MRR")] for row in browser.run(CELLS)]
    assert len(values) == 20
    assert values == sorted(values, reverse=True)
    highest = "Math.max(...content.sections[2].blocks[0].rows.map((row) => row[arguments[0]]))"
    assert float(values[0]) == round(browser.run(f"return {highest}", head(browser, "MRR")), 4)
    assert browser.console() == []
    assert written(1000).stat().st_size < 3_000_000


def contrast(one: str, other: str) -> float:
    """Of two colours such as #1d2126; https://www.w3.org/TR/WCAG21/#dfn-contrast-ratio"""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_the_page_of_a_single_training_opens_with_its_curve_and_hostile_names_as_text(
    browser: Browser, tmp_path: Path
) -> None:
    import kgtuner as kt
    from benchmarks.report import make_graph
    from tests.browser.conftest import ENTITIES, RELATIONS

    config = kt.default_config("distmult").updated(
        {"training.max_steps": 60, "training.validate_every": 20, "model.dimension": 16}
    )
    kt.train(make_graph(20, 3, names=ENTITIES, relation_names=RELATIONS), config, output=tmp_path / "run")
    browser.open(kt.write_report(tmp_path / "run"))
    browser.draw_all()
    assert browser.run("return plots.filter((p) => p.drawn).length") == 2  # the curve and the relations
    assert browser.run("return document.querySelector('#relations').textContent.includes('<b>bold</b>')")
    shown = browser.run("return document.querySelector('#relations').textContent")
    assert "Examples from the validation triples" in shown
    assert "test" not in shown
    assert browser.console() == []


def test_a_comparison_opens_with_a_line_for_each_run(browser: Browser, tmp_path: Path) -> None:
    import kgtuner as kt
    from benchmarks.report import make_graph, make_run
    from tests.browser.conftest import ENTITIES, RELATIONS

    graph = make_graph(20, 3, names=ENTITIES, relation_names=RELATIONS)
    runs = [make_run(tmp_path / name, 12, graph=graph, seed=i).path for i, name in enumerate(("<b>", "two"))]
    kt.compare(runs, tmp_path / "both.html")
    browser.open(tmp_path / "both.html")
    browser.draw_all()
    titles = browser.run("return [...document.querySelectorAll('#answer th')].map((th) => th.textContent)")
    assert titles[1:] == ["<b>", "two"]
    lines = "return [...document.querySelectorAll('#progress .legendtext')].map((t) => t.textContent)"
    assert browser.run(lines) == ["<b>", "two"]
    assert browser.run("return document.querySelectorAll('main b:not(.card b)').length") == 0
    assert browser.barriers() == []
    assert browser.console() == []


def test_a_live_page_loads_itself_again_and_stays_where_the_reader_was(
    browser: Browser, written: Written, tmp_path: Path
) -> None:
    from kgtuner.report.html.page import render
    from kgtuner.report.html.reading import read_run
    from kgtuner.report.html.sections import sections_of

    def put(title: str, seconds: float) -> None:
        (tmp_path / "new").write_text(render(title, sections, reload_seconds=seconds), encoding="utf-8")
        (tmp_path / "new").replace(tmp_path / "report.html")

    sections = sections_of(read_run(written().parent, with_examples=False))
    put("first", 5)
    browser.open(tmp_path / "report.html")
    browser.run("scrollTo(0, 700)")
    put("second", 600)
    browser.wait("return document.querySelector('h1')?.textContent === 'second'")
    browser.wait("return document.documentElement.dataset.plots === 'ready' && scrollY > 600")
    assert browser.console() == []
