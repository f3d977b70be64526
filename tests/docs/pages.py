"""The fenced blocks of README.md and docs/*.md, and what the words behind a fence's language mean.

    ```bash                      run by `bash -e` in the page's folder
    ```python                    run in the page's one Python process
    ```yaml title="space.yaml"   any language with a title: written to that file; Python must compile
    ```diff                      `+++ path`, then context, - and + lines: applied to that file
    ```text                      also toml, json, console, html, csv: shown, not run

Words that follow:

    no-run: REASON               not run, because REASON; counted and listed at the end of the tests
    extra=NAME                   needs the extra kgtuner[NAME]; where that is not installed the page is skipped
    fails                        bash: must end with an exit code other than 0

All blocks of a page run in order, in one folder that is empty at first. Two comments change that:

    <!-- starts with: a checkout -->   the folder holds copies of kgtuner/, configs/, datasets/, tests/ and the
                                       files beside them, and `kgtuner` and `python` use those
    <!-- starts with: a run -->        runs/world-complex holds a short tuning of `world`
"""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
RUN, SHOWN = (
    ("bash", "python"),
    ("text", "toml", "json", "console", "html", "csv", "diff", "yaml", "make", "ini"),
)
FENCE = re.compile(r"^(?P<indent> *)(?P<ticks>`{3,})(?P<language>[\w+-]*)[ \t]*(?P<words>.*)$")
STARTS = re.compile(r"<!-- starts with: (.+?) -->")
STARTS_KNOWN = ("a checkout", "a run")


@dataclass(frozen=True)
class Block:
    """One fenced block of a page."""

    page: str  # relative to the checkout
    line: int  # of the opening fence
    language: str
    words: str
    code: str

    @property
    def where(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def title(self) -> str | None:
        found = re.search(r'title="([^"]+)"', self.words)
        return found[1] if found else None

    @property
    def not_run(self) -> str | None:
        """Why it is not run; None when it is, or is not there to be."""
        found = re.search(r"no-run:(.*)", self.words)
        return found[1].strip() if found else None

    @property
    def extra(self) -> str | None:
        found = re.search(r"\bextra=([\w-]+)", self.words)
        return found[1] if found else None

    @property
    def fails(self) -> bool:
        return bool(re.search(r"\bfails\b", self.words.partition("no-run:")[0]))

    @property
    def runs(self) -> bool:
        """Whether the page's run does anything with it."""
        kind = self.language in (*RUN, "diff") or self.title is not None
        return kind and self.not_run is None


@dataclass(frozen=True)
class Page:
    """One page and its blocks."""

    name: str
    text: str
    blocks: tuple[Block, ...]

    @property
    def starts_with(self) -> tuple[str, ...]:
        return tuple(STARTS.findall(self.text))

    @property
    def extras(self) -> frozenset[str]:
        return frozenset(block.extra for block in self.blocks if block.extra and block.runs)

    @property
    def runs(self) -> bool:
        return any(block.runs for block in self.blocks)


def pages() -> list[Page]:
    """README.md and the pages of docs/, its decisions apart."""
    return [page_of(path) for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]]


def page_of(path: Path) -> Page:
    text = path.read_text(encoding="utf-8")
    name = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name
    return Page(name, text, tuple(_blocks(name, text)))


def _blocks(name: str, text: str) -> Iterator[Block]:
    opened: re.Match[str] | None = None
    begin, inside = 0, list[str]()
    for number, line in enumerate(text.splitlines(), 1):
        found = FENCE.match(line)
        if opened is None:
            if found:
                opened, begin, inside = found, number, []
        elif line.strip() == opened["ticks"]:
            indent = len(opened["indent"])
            code = "\n".join(one[indent:] if not one[:indent].strip() else one for one in inside)
            yield Block(name, begin, opened["language"], opened["words"].strip(), code + "\n")
            opened = None
        else:
            inside.append(line)
    if opened is not None:
        raise ValueError(f"{name}:{begin}: the fence is never closed")


def commands(script: str, program: str = "kgtuner") -> Iterator[list[str]]:
    """The arguments of each call of a program in a shell script; what it is piped into is left out."""
    joined = script.replace("\\\n", " ")
    for line in joined.splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        lexer.commenters = "#"
        words: list[str] = []
        for word in [*lexer, ";"]:
            if word and set(word) <= set("();<>|&"):
                if words and word[0] in "<>":  # a redirection; what follows it is a file
                    words.append(">")
                    continue
                yield from _call(words, program)
                words = []
            else:
                words.append(word)


def _call(words: list[str], program: str) -> Iterator[list[str]]:
    while words and re.fullmatch(r"\w+=.*", words[0]):  # NAME=value before a command
        words = words[1:]
    if words and words[0] in ("time", "nohup", "nice", "env"):
        yield from _call(words[1:], program)
    elif words and words[0].rpartition("/")[2] == program:
        yield words[1 : words.index(">")] if ">" in words else words[1:]


def imported(code: str) -> Iterator[tuple[str, str | None]]:
    """(module, name or None) of each import, and ("kgtuner", name) of each use of `kt.name`."""
    tree = ast.parse(code)
    aliases = set[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, None
                if alias.name == "kgtuner":
                    aliases.add(alias.asname or alias.name)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                yield node.module, alias.name
    for node in ast.walk(tree):
        # `kt` stands for kgtuner on every page, whether or not this block imports it again.
        name = node.value if isinstance(node, ast.Attribute) else None
        if isinstance(name, ast.Name) and name.id in {*aliases, "kt"}:
            assert isinstance(node, ast.Attribute)
            yield "kgtuner", node.attr


def apply_diff(code: str, folder: Path) -> None:
    """Change one file as a block says: `+++ path`, then lines that begin with a space, - or +; `…` between places.

    Raises:
        ValueError: when the lines to change are not there exactly once.
    """
    first, *lines = code.splitlines()
    if not first.startswith("+++ "):
        raise ValueError(f"a diff begins with '+++ path', got {first!r}")
    path = folder / first[4:].strip()
    text = path.read_text(encoding="utf-8")
    hunks: list[list[str]] = [[]]
    for line in lines:
        if line.strip() == "…":
            hunks.append([])
        else:
            hunks[-1].append(line)
    for hunk in hunks:
        before = "".join(line[1:] + "\n" for line in hunk if not line.startswith("+"))
        after = "".join(line[1:] + "\n" for line in hunk if not line.startswith("-"))
        if text.count(before) != 1:
            raise ValueError(
                f"{path.name}: expected these lines once, found {text.count(before)} times:\n{before}"
            )
        text = text.replace(before, after)
    path.write_text(text, encoding="utf-8")
