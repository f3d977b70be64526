"""What mkdocs does beside rendering: parts of pages that would go stale are made when the site is built."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FENCE = re.compile(r"^( *)(`{3,})([\w+-]+)[ \t]+(.*)$", re.MULTILINE)
LINK = re.compile(
    r"(?<!!)\[([^\]]+)\]\(((?:\.\./)+[^)]*)\)"
)  # upwards: where it leaves docs/, the site has only its words
TITLE = re.compile(r'title="[^"]*"')
WIDTH = "84"  # columns of a help text


def on_config(config: Any) -> None:
    """Put every decision into the navigation, so that a new one is one file."""
    folder = Path(config.docs_dir, "decisions")
    for section in config.nav:
        if "Decisions" in section:
            section["Decisions"] = [f"decisions/{path.name}" for path in sorted(folder.glob("*.md"))]


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Fill in what is generated, then leave of each fence's first line what the highlighter understands."""
    if page.file.src_uri == "cli.md":
        markdown = markdown.replace("<!-- help of every command -->", help_of_every_command())
    if page.file.src_uri == "api.md":
        markdown = markdown.replace("<!-- other public names -->", other_public_names(markdown))
    depth = page.file.src_uri.count("/")
    markdown = LINK.sub(lambda match: match[1] if match[2].count("../") > depth else match[0], markdown)
    return FENCE.sub(_plain_fence, markdown)


def _plain_fence(match: re.Match[str]) -> str:
    """```bash extra=pykeen, no-run: … and the like are for tests/docs; a title is for the reader."""
    indent, ticks, language, words = match.groups()
    title = TITLE.search(words)
    return f"{indent}{ticks}{language}" + (f" {title[0]}" if title else "")


def help_of_every_command() -> str:
    """The help texts as Markdown, a section for each command and subcommand."""
    from kgtuner.cli.main import build_parser

    os.environ["COLUMNS"] = WIDTH
    return "\n\n".join(
        f"## `{parser.prog}`\n\n```text\n{parser.format_help().rstrip()}\n```"
        for parser in parsers(build_parser())
    )


def parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """A parser and those of its commands, in their order."""
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name in dict.fromkeys(action.choices):
                yield from parsers(action.choices[name])


def other_public_names(page: str) -> str:
    """Entries for the public names that the page does not document by itself."""
    import kgtuner

    missing = [name for name in kgtuner.__all__ if name != "__version__" and f".{name}\n" not in page]
    entries = []
    for name in missing:
        value = getattr(kgtuner, name)
        home = getattr(value, "__module__", None)
        entries.append(f"::: {home}.{name}" if home else f"### `{name}`\n\n`{value!r}`")
    return "\n\n".join(entries)
