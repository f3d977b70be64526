"""The built site: strict, and nothing in it is loaded from elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOADED = {
    "script": "src",
    "link": "href",
    "img": "src",
    "iframe": "src",
    "source": "src",
    "video": "src",
    "use": "href",
}
NOT_LOADED = ("canonical", "prev", "next", "alternate")  # rel of a <link> that is only a reference


class Resources(HTMLParser):
    """Addresses that a browser would load by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "link" and values.get("rel") in NOT_LOADED:
            return
        if address := values.get(LOADED.get(tag, "")):
            self.found.append(address)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("mkdocs", reason="needs kgtuner[docs]: pip install 'kgtuner[docs]'")
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.mark.slow
def test_site_builds_without_a_warning(site: Path) -> None:
    assert (site / "index.html").exists()


@pytest.mark.slow
def test_nothing_is_loaded_from_another_host(site: Path) -> None:
    away = {}
    for page in site.rglob("*.html"):
        resources = Resources()
        resources.feed(page.read_text(encoding="utf-8"))
        assert resources.found, page
        bad = [address for address in resources.found if re.match(r"(https?:)?//", address)]
        if bad:
            away[page.relative_to(site).as_posix()] = bad
    assert away == {}
    for sheet in site.rglob("*.css"):
        assert not re.search(r"url\(\s*['\"]?(https?:)?//", sheet.read_text(encoding="utf-8")), sheet.name


@pytest.mark.slow
def test_help_of_every_command_is_in_the_site(site: Path) -> None:
    from kgtuner.cli.main import build_parser

    text = (site / "cli" / "index.html").read_text(encoding="utf-8")
    commands = next(action.choices for action in build_parser()._actions if action.choices)
    assert {name for name in commands if f"<code>kgtuner {name}</code>" not in text} == set()


@pytest.mark.slow
def test_every_public_name_is_in_the_site(site: Path) -> None:
    import kgtuner

    text = (site / "api" / "index.html").read_text(encoding="utf-8")
    names = [name for name in kgtuner.__all__ if name != "__version__"]
    assert [name for name in names if not re.search(rf'id="[\w.]*\b{name}"', text)] == []


@pytest.mark.slow
def test_words_for_the_page_tests_are_not_shown(site: Path) -> None:
    assert [
        p.name for p in site.rglob("*.html") if re.search(r"no-run:|extra=", p.read_text(encoding="utf-8"))
    ] == []


def test_every_page_is_in_the_navigation() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:")[2]
    pages = {
        path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").glob("*.md")
    }  # decisions enter by themselves
    assert {page for page in pages if f" {page}\n" not in navigation} == set()
