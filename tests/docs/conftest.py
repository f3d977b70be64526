"""At the end of the tests: how many blocks of the pages there are, and which are not run."""

from __future__ import annotations

import sys
from typing import Any


def pytest_terminal_summary(terminalreporter: Any) -> None:
    pages = sys.modules.get("pages")
    if pages is None or not any(
        "tests/docs" in str(r.nodeid) for r in terminalreporter.stats.get("passed", [])
    ):
        return
    blocks = [block for page in pages.pages() for block in page.blocks]
    left_out = [block for block in blocks if block.not_run is not None]
    runs = sum(block.runs for block in blocks)
    shown = len(blocks) - runs - len(left_out)
    terminalreporter.section("documentation")
    terminalreporter.line(f"{len(blocks)} blocks: {runs} run, {shown} only shown, {len(left_out)} not run:")
    for block in left_out:
        terminalreporter.line(f"  {block.where}: {block.not_run}")
