"""Figures as files."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from kgtuner.plots import importance
from kgtuner.plots.printed import save_figures


def test_trials_that_go_on_do_not_count_among_those_that_a_hyper_parameter_applies_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on the page: with 12 trials of equal time and one that goes on, "a.x" applies to all 12, not to 12 of 13."""
    pytest.importorskip("matplotlib", reason="install kgtuner[figures]")
    trials = pd.DataFrame(
        {
            "stage": "full",
            "number": range(13),
            "state": "complete",
            "default": False,
            "value": [0.1 + 0.01 * i for i in range(13)],
            "elapsed": [1.0 + i for i in range(13)],
            "again": [None] * 12 + [0.0],
            "a.x": [0.1 * i for i in range(13)],
        }
    )
    counted = []
    monkeypatch.setattr(importance, "draw_importance", lambda axes, table, n: counted.append(n))
    save_figures(
        tmp_path,
        trials=trials,
        metric="mrr",
        pairs=pd.DataFrame(),
        importance_tables={"full": importance.importances(trials, "full")},
        learning={},
        relation_table=pd.DataFrame(),
        spent=pd.DataFrame(),
    )
    assert counted == [12]
