"""benchmarks/tabular/variates.py: what is trained, and what is made of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import record
from benchmarks.tabular import variates
from benchmarks.tabular.store import DATA
from benchmarks.tabular.variates import (
    ANCHORS,
    LEARNS,
    Varied,
    agreement,
    best_levels,
    compared,
    foretold,
    wanted,
)
from kgtuner.analysis.properties import Levels, property_of
from kgtuner.analysis.trials import FULL, Trials, as_trials, read_trials


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(variates, "RESAMPLES", 50)


@pytest.fixture(scope="module")
def trials() -> Trials:
    return as_trials(read_trials(DATA / "umls-complex.parquet")).of(FULL)


@pytest.fixture(scope="module")
def of(trials: Trials) -> list[Varied]:
    return variates.varied(trials)


def rows_of(trials: Trials, of: list[Varied], value: Any) -> list[dict[str, Any]]:
    """Trainings that are made up: `value(one, place, level)`."""
    at = {(one.name, int(anchor)): (one, place) for one in of for place, anchor in enumerate(one.anchors)}
    return [
        {
            **key,
            "value": value(*at[key["name"], key["anchor"]], key["level"]),
            "failure": None,
            "seconds": 1.0 + key["level"],
        }
        for key, _ in wanted(trials, of)
    ]


def test_anchors_learn_and_have_every_value_with_nothing_else_changed(
    trials: Trials, of: list[Varied]
) -> None:
    space, names = trials.space, [parameter.name for parameter in trials.space.parameters]
    assert {one.name for one in of} == set(names) - {"model.name", "negatives.name"}  # have one value each
    for one in of:
        j = names.index(one.name)
        assert len(one.anchors) == ANCHORS
        assert (trials.values[one.anchors] >= LEARNS).all()
        for anchor, rows in zip(one.anchors, one.codes, strict=True):
            assert rows[:, j].tolist() == one.levels.codes.tolist()
            own = space.codes.assignment(trials.codes[anchor])
            for row in rows:
                assignment = space.codes.assignment(row)
                space.validate(assignment)
                changed = {name for name in own.keys() & assignment.keys() if own[name] != assignment[name]}
                if one.name not in (
                    "training.mode",
                    "loss.name",
                    "regularizer.name",
                ):  # decide what is valid beside
                    assert changed <= {one.name}
                    assert own.keys() == assignment.keys()


def test_a_training_is_known_again_by_what_was_trained(trials: Trials, of: list[Varied]) -> None:
    keys = [variates.key_of(key) for key, _ in wanted(trials, of)]
    assert len(set(keys)) == len(keys) == sum(one.codes.shape[0] * one.codes.shape[1] for one in of)
    rows = rows_of(trials, of, lambda one, place, level: 0.1 * level)
    usual = variates.measured(trials, of, rows)
    assert all(complete.all() for complete, _, _ in usual.values())
    other = [{**row, "config": "of another table"} if row["name"] == "loss.name" else row for row in rows]
    assert not variates.measured(trials, of, other)["loss.name"][0].any()


def test_only_anchors_that_have_every_value_count_and_a_failure_is_the_worst(
    trials: Trials, of: list[Varied]
) -> None:
    rows = rows_of(trials, of, lambda one, place, level: None if level == 0 else 0.1 * level)
    rows.remove(next(row for row in rows if row["name"] == "optimizer.name"))
    found = variates.measured(trials, of, rows)
    complete, values, seconds = found["optimizer.name"]
    assert complete.sum() == len(values) == ANCHORS - 1
    assert len(found["model.dimension"][1]) == ANCHORS
    assert (values[:, 0] == np.nanmin(trials.values)).all()
    assert (seconds == [1, 2, 3]).all()


@pytest.mark.slow
def test_trainings_that_are_as_a_forest_expects_agree_wholly_and_turned_round_not_at_all(
    trials: Trials, of: list[Varied]
) -> None:
    expected = foretold(trials, of)
    for sign in (1, -1):
        rows = rows_of(
            trials, of, lambda one, place, level, sign=sign: sign * float(expected[one.name][place, level])
        )
        found = {one["name"]: one for one in compared(trials, of, rows)}
        for name in ("loss.name", "model.dimension", "optimizer.learning_rate"):
            assert [found[name]["agreement"][key] for key in ("mean", "low", "high")] == pytest.approx(
                [sign] * 3
            )
        if sign == 1:
            assert all(one["group"] == one["forest"]["group"] for one in found.values())
            rate = found["optimizer.learning_rate"]
            means = expected["optimizer.learning_rate"].mean(0)
            assert rate["mrr"] == pytest.approx(means.tolist(), abs=1e-4)
            assert rate["levels"][int(means.argmax())] in rate["best"]


def test_the_forest_has_not_seen_the_anchors(trials: Trials, of: list[Varied]) -> None:
    anchors = np.unique(np.concatenate([one.anchors for one in of]))
    values = trials.values.copy()
    values[anchors] = 1 - values[anchors]
    other = Trials(trials.space, trials.codes, values, trials.seconds, trials.groups)
    one, two = foretold(trials, of), foretold(other, of)
    assert all((one[name] == two[name]).all() for name in one)


def test_agreement_is_within_an_anchor_and_its_interval_is_over_anchors() -> None:
    rng = np.random.default_rng(0)
    anchors, values = rng.normal(size=(12, 1)), rng.normal(scale=0.1, size=(12, 4))
    assert agreement(anchors + values, 5 - anchors + values)[0] == pytest.approx(1)  # how good an anchor is
    middle, low, high = agreement(anchors + values, anchors + rng.normal(size=(12, 4)))
    assert low < middle < high
    assert high - low > 0.2
    assert agreement(anchors + values, np.repeat(anchors, 4, axis=1)) == (0, 0, 0)


def test_consistency_is_over_pairs_of_values(trials: Trials, of: list[Varied]) -> None:
    turned = {0: 1.0, 1: -1.0}
    rows = rows_of(trials, of, lambda one, place, level: 0.5 + 0.01 * place * turned.get(level, 0.0))
    found = {one["name"]: one for one in compared(trials, of, rows)}
    assert found["model.inverse_relations"]["consistency"] == pytest.approx(-1)
    assert found["optimizer.name"]["consistency"] == pytest.approx(-1 / 3)


def test_values_that_cannot_be_told_from_the_best_are_named_beside_it() -> None:
    levels = Levels(np.arange(3.0), ("a", "b", "c"))
    seconds = np.ones(3)
    apart = np.column_stack([np.full(12, 0.9), np.full(12, 0.5), np.full(12, 0.1)])
    assert best_levels(property_of("x", levels, apart, seconds, 1.0)) == ["a"]
    apart[:6, :2] = apart[:6, 1::-1]
    assert best_levels(property_of("x", levels, apart, seconds, 1.0)) == ["a", "b"]


def test_a_sitting_goes_on_where_the_last_one_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trials: Trials, of: list[Varied]
) -> None:
    monkeypatch.setattr(record, "RESULTS", tmp_path)
    monkeypatch.setattr(variates, "varied", lambda given: of[-1:])
    rows = rows_of(trials, of[-1:], lambda one, place, level: 0.1 * level)
    kept, missing = rows[:-3], rows[-3:]
    strange = {**rows[0], "config": "of another table"}
    (tmp_path / "control_variates.json").write_text(json.dumps({"rows": [*kept, strange]}))
    asked: list[Any] = []

    def outcome(config: Any, graph: Any, seed: int) -> dict[str, Any]:
        asked.append(config)
        return {"failure": "diverged", "cpu_seconds": 0.5}

    monkeypatch.setattr(variates, "outcome", outcome)
    monkeypatch.setattr(variates, "graph_of", lambda *names: None)
    monkeypatch.setattr("sys.argv", ["variates"])
    variates.main()
    found = json.loads((tmp_path / "control_variates.json").read_text())
    assert len(asked) == len(missing)
    assert found["rows"][: len(kept)] == kept
    assert [row["failure"] for row in found["rows"][len(kept) :]] == ["diverged"] * 3
    assert [one["name"] for one in found["hyper_parameters"]] == [of[-1].name]
