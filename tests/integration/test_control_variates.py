"""benchmarks/tabular/variates.py: what is trained, and what is made of it."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from benchmarks.tabular import variates
from benchmarks.tabular.store import DATA
from kgtuner.analysis.properties import levels_of, properties
from kgtuner.analysis.trials import FULL, Trials, as_trials, read_trials


@pytest.fixture(scope="module")
def trials() -> Trials:
    return as_trials(read_trials(DATA / "umls-complex.parquet")).of(FULL)


def rows_of(trials: Trials, value: Any) -> list[dict[str, Any]]:
    """Trainings that are made up: `value(name, anchor, level)`."""
    return [
        {
            "name": name,
            "anchor": anchor,
            "level": level,
            "value": value(name, anchor, level),
            "seconds": 1.0 + level,
        }
        for name, anchor, level, _ in variates.wanted(trials)
    ]


def test_an_anchor_is_trained_with_every_value_and_with_nothing_else_changed(trials: Trials) -> None:
    by_anchor: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for name, anchor, level, config in variates.wanted(trials):
        by_anchor.setdefault((name, anchor), []).append(config.flat())
        assert len(by_anchor[name, anchor]) == level + 1
    for parameter in trials.space.parameters:
        own = [configs for (name, _), configs in by_anchor.items() if name == parameter.name]
        if parameter.name in ("model.name", "negatives.name"):  # have one value each
            assert not own
            continue
        assert len(own) == variates.ANCHORS
        for configs in own:
            values = [config[parameter.name] for config in configs]
            assert len(set(values)) == len(values) >= 2
    for (name, _), configs in by_anchor.items():
        if name in (
            "optimizer.learning_rate",
            "model.dropout",
            "model.dimension",
        ):  # nothing depends on these
            for one, other in pairwise(configs):
                assert {key for key in one if one[key] != other.get(key)} == {name}


def test_ranks_are_of_anchors_that_have_every_value_and_a_failure_is_the_worst(trials: Trials) -> None:
    rows = rows_of(trials, lambda name, anchor, level: None if level == 0 else 0.1 * level)
    rows.remove(next(row for row in rows if (row["name"], row["anchor"]) == ("optimizer.name", 3)))
    found = {one.name: one for one in variates.measured(trials, rows)}
    assert len(found["optimizer.name"].ranks) == variates.ANCHORS - 1
    assert len(found["model.dimension"].ranks) == variates.ANCHORS
    for one in found.values():
        k = len(one.levels.codes)
        assert one.ranks.mean(0) == pytest.approx(np.linspace(1, 0, k))
        assert one.seconds == pytest.approx(1.0 + np.arange(k))


def test_trainings_are_compared_with_what_a_forest_expects(trials: Trials) -> None:
    rate = "optimizer.learning_rate"
    column = trials.codes[:, [p.name for p in trials.space.parameters].index(rate)]
    levels = levels_of(trials.space.by_name[rate], column)
    assert levels is not None
    by_forest = properties(trials)
    usual, turned = (
        {
            one["name"]: one
            for one in variates.compared(trials.space, variates.measured(trials, rows), by_forest)
        }
        for rows in (rows_of(trials, lambda *key, by=by: by * key[2]) for by in (0.1, -0.1))
    )
    assert usual[rate]["levels"] == list(levels.names)
    assert usual[rate]["agreement"] == pytest.approx(-turned[rate]["agreement"])
    assert usual[rate]["agreement"] != 0
    assert usual["model.dimension"]["group"] == "monotone"
    assert turned["model.dimension"]["group"] != "monotone"
