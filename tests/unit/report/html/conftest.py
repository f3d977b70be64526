"""Run folders as a tuning leaves them, made up: see benchmarks/report.py."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.report import make_run
from kgtuner.report.html.reading import read_run
from kgtuner.report.html.sections import sections_of
from kgtuner.tuning.run_folder import RunFolder


@pytest.fixture(scope="session")
def ended_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 40 trials in two stages, one of them failed. Nobody writes to it."""
    return make_run(tmp_path_factory.mktemp("runs") / "ended", 40).path


@pytest.fixture(scope="session")
def sections(ended_run: Path) -> dict[str, Any]:
    """The sections of that run's report, by anchor."""
    return {section["anchor"]: section for section in sections_of(read_run(ended_run))}


@pytest.fixture
def new_run(tmp_path: Path) -> Callable[..., RunFolder]:
    """Makes a run of one's own; takes what `make_run` takes."""

    def make(trials: int = 6, **options: object) -> RunFolder:
        return make_run(tmp_path / "run", trials, **options)  # type: ignore[arg-type]

    return make
