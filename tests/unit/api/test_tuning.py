"""Whom a tuning tells of its progress."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import kgtuner as kt
from kgtuner.api import tuning
from kgtuner.report.display import PlainLines


def test_a_tuning_and_its_resumption_show_progress_in_a_notebook(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[list[Any]] = []

    def carry_out(
        folder: Any, settings: Any, graph: Any, watching: list[Any], *rest: Any, **more: Any
    ) -> Any:
        told.append([type(observer) for observer in watching[1:]])  # the first is events.csv
        raise KeyboardInterrupt

    triples = [(i, 0, (i + 1) % 8) for i in range(8)]
    graph = kt.KnowledgeGraph.from_arrays(triples, [(0, 0, 2)], [(1, 0, 3)], entities=list("abcdefgh"))
    monkeypatch.setattr(tuning, "carry_out", carry_out)
    for place, shell in (("script", None), ("notebook", SimpleNamespace(kernel=object()))):
        monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda shell=shell: shell))
        with pytest.raises(KeyboardInterrupt):
            kt.tune(graph, trials=2, output=tmp_path / place)
        with pytest.raises(KeyboardInterrupt):
            kt.resume(tmp_path / place)
    assert told == [[], [], [PlainLines], [PlainLines]]
