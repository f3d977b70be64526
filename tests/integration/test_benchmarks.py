"""Every benchmark runs: a short look that keeps nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"
SCRIPTS = sorted(path.name for path in FOLDER.glob("*.py") if path.name != "record.py")


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS)
def test_benchmark_runs_and_a_quick_look_changes_no_result(script: str) -> None:
    before = {path: path.read_bytes() for path in (FOLDER / "results").iterdir()}
    ended = subprocess.run(
        [sys.executable, str(FOLDER / script), "--quick"], capture_output=True, text=True, timeout=120
    )
    assert ended.returncode == 0, ended.stderr
    assert any(character.isdigit() for character in ended.stdout)
    assert {path: path.read_bytes() for path in (FOLDER / "results").iterdir()} == before
