"""Every command and snippet of README.md and docs/*.md: the quick tests read them all, the slow ones run them."""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

HERE = Path(__file__).parent


def _module(name: str) -> ModuleType:
    """A file beside this one; tests are no package."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules[name]


pages = _module("pages")
ALL = pages.pages()
BLOCKS = [block for page in ALL for block in page.blocks]
NAMES = [page.name for page in ALL]
SECONDS = 300  # for one page
CHECKOUT = ("kgtuner", "configs", "datasets", "tests", "pyproject.toml", "constraints.txt", "README.md")
RUN = "kgtuner tune world --model complex --budget 2m"


def blocks(*languages: str) -> list[object]:
    return [pytest.param(b, id=b.where) for b in BLOCKS if b.language in languages]


# ---------------------------------------------------------------- quick: every page is read


def test_every_block_says_what_it_is() -> None:
    known = {*pages.RUN, *pages.SHOWN}
    assert {block.where: block.language for block in BLOCKS if block.language not in known} == {}


def test_words_behind_a_language_are_known() -> None:
    rest = {
        block.where: re.sub(r'no-run:.*|extra=[\w-]+|title="[^"]+"|\bfails\b', "", block.words)
        for block in BLOCKS
    }
    assert {where: words for where, words in rest.items() if words.strip()} == {}


def test_what_is_not_run_says_why() -> None:
    reasons = {block.where: block.not_run for block in BLOCKS if block.not_run is not None}
    assert {where: reason for where, reason in reasons.items() if len(reason.split()) < 2} == {}


def test_titles_stay_in_the_folder() -> None:
    titles = [block.title for block in BLOCKS if block.title is not None]
    assert [title for title in titles if Path(title).is_absolute() or ".." in Path(title).parts] == []


def test_what_a_page_starts_with_is_known() -> None:
    assert {
        page.name: page.starts_with for page in ALL if not set(page.starts_with) <= set(pages.STARTS_KNOWN)
    } == {}


def test_extras_exist() -> None:
    declared = set(re.findall(r"^([\w-]+) = \[", _extras_of_checkout(), re.MULTILINE))
    assert {b.where: b.extra for b in BLOCKS if b.extra and b.extra not in declared} == {}


@pytest.mark.parametrize("block", blocks("bash"))
def test_commands_are_understood_by_the_real_parser(block: Any) -> None:
    from kgtuner.cli.main import build_parser

    for arguments in pages.commands(block.code):
        if block.fails or not arguments or "--help" in arguments or "--version" in arguments:
            continue
        parser = build_parser()
        args, extra = parser.parse_known_args(
            arguments
        )  # a wrong argument raises ConfigError with the reason
        assert not extra, f"{block.where}: kgtuner {' '.join(arguments)}: {extra}"
        assert hasattr(args, "run"), f"{block.where}: no command in kgtuner {' '.join(arguments)}"


@pytest.mark.parametrize("block", blocks("bash"))
def test_shell_syntax_is_right(block: Any) -> None:
    done = subprocess.run(["bash", "-n"], input=block.code, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("block", blocks("python"))
def test_python_compiles_and_what_it_imports_exists(block: Any) -> None:
    compile(block.code, block.where, "exec")
    if block.not_run is not None:
        return
    own = {Path(b.title).stem for b in BLOCKS if b.page == block.page and b.title and b.title.endswith(".py")}
    for module, name in pages.imported(block.code):
        if module.rpartition(".")[2] in own or (block.extra and not _installed(block.extra)):
            continue
        found = importlib.import_module(module)
        if name is not None:
            assert hasattr(found, name), f"{block.where}: {module} has no {name}"


# ---------------------------------------------------------------- slow: every page is run


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for PATH in which `kgtuner` is the real one with shorter budgets."""
    folder = tmp_path_factory.mktemp("bin")
    script = folder / "kgtuner"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{HERE / "shorter.py"}" "$@"\n')
    script.chmod(0o755)
    return folder


@pytest.fixture(scope="session")
def run(programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder that pages may start with."""
    folder = tmp_path_factory.mktemp("run")
    _call(["bash", "-ec", RUN], folder, programs)
    return folder / "runs"


@pytest.mark.slow
@pytest.mark.parametrize("page", [pytest.param(page, id=page.name) for page in ALL if page.runs])
def test_page_runs_from_top_to_bottom(
    page: Any,
    programs: Path,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    missing = sorted(extra for extra in page.extras if not _installed(extra))
    if missing:
        pytest.skip(f"{page.name} needs kgtuner[{','.join(missing)}]")
    folder = tmp_path / "page"
    folder.mkdir()
    if "a run" in page.starts_with:
        shutil.copytree(request.getfixturevalue("run"), folder / "runs")
    if "a checkout" in page.starts_with:
        for name in CHECKOUT:
            source, target = pages.ROOT / name, folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copyfile(source, target)
        (folder / "tests" / "__init__.py").touch()  # other distributions may bring a package called tests
    listing = tmp_path / "blocks.json"
    listing.write_text(json.dumps([dataclasses.asdict(block) for block in page.blocks if block.runs]))
    _call([sys.executable, str(HERE / "run_page.py"), str(listing)], folder, programs)


def _call(command: list[str], folder: Path, programs: Path) -> None:
    """Run in a folder, with the shorter `kgtuner` and this Python first; show all it said if it fails."""
    path = os.pathsep.join([str(programs), str(Path(sys.executable).parent), os.environ["PATH"]])
    package = folder if (folder / "kgtuner").is_dir() else pages.ROOT
    environment = {key: value for key, value in os.environ.items() if key != "KGTUNER_DATA"}
    environment |= {"PATH": path, "PYTHONPATH": str(package), "MPLBACKEND": "Agg"}
    environment |= {"KGTUNER_CACHE": str(folder.parent / "cache")}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-6000:]}"


# ---------------------------------------------------------------- the machinery itself


def test_pages_of_the_documentation_are_found() -> None:
    assert "README.md" in NAMES
    assert {page.name for page in ALL if page.runs} >= {
        "docs/start.md",
        "docs/own-graph.md",
        "docs/extending.md",
    }


def test_calls_are_found_in_scripts() -> None:
    script = "A=1 kgtuner tune world \\\n  --budget '2 m' | tee x  # kgtuner no\nls && kgtuner datasets > list.txt\n"
    assert list(pages.commands(script)) == [["tune", "world", "--budget", "2 m"], ["datasets"]]


def test_a_diff_changes_the_lines_it_names(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("one\ntwo\nthree\nfour\n")
    pages.apply_diff("+++ a.py\n one\n+new\n…\n-four\n+4\n", tmp_path)
    assert (tmp_path / "a.py").read_text() == "one\nnew\ntwo\nthree\n4\n"


def test_a_diff_for_another_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("one\n")
    with pytest.raises(ValueError, match="expected these lines once, found 0 times"):
        pages.apply_diff("+++ a.py\n two\n+new\n", tmp_path)


def test_words_are_read(tmp_path: Path) -> None:
    (tmp_path / "p.md").write_text(
        '```bash extra=pykeen fails\nx\n```\n```yaml title="a.yaml"\n```\n```bash no-run: a b\n```\n'
    )
    first, second, third = pages.page_of(tmp_path / "p.md").blocks
    assert (first.extra, first.fails, first.runs, first.code) == ("pykeen", True, True, "x\n")
    assert (second.title, second.runs) == ("a.yaml", True)
    assert (third.not_run, third.runs) == ("a b", False)


def _extras_of_checkout() -> str:
    text = (pages.ROOT / "pyproject.toml").read_text(encoding="utf-8")
    return text.partition("[project.optional-dependencies]")[2].partition("\n[")[0]


def _installed(extra: str) -> bool:
    """Whether every distribution that the checkout names for an extra is there."""
    line = re.search(
        rf"^{extra} = (\[[^\]]*(?:\][^\]]*?)*?\])\s*(?:#.*)?$", _extras_of_checkout(), re.MULTILINE
    )
    names = re.findall(r'"([A-Za-z][\w.-]*)', line[1]) if line else []
    return all(_there(name) for name in names if name != "kgtuner")


def _there(distribution: str) -> bool:
    try:
        metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True
