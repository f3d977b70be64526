"""The database of a run."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import text

from kgtuner.execution.storage import TrialStore


def test_a_finished_trial_survives_a_power_cut(tmp_path: Path) -> None:
    store = TrialStore(tmp_path / "study.sqlite")
    with store._storage.engine.connect() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 2  # FULL: each commit is on disk
    store.close()
