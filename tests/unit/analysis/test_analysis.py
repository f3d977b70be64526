"""kgtuner.analysis on a made-up table in which it is known what matters."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from kgtuner.analysis.properties import Property, levels_of, properties
from kgtuner.analysis.rank_correlation import rank_correlations
from kgtuner.analysis.reduction import cost_of, grouped, tried_space
from kgtuner.analysis.surrogate_error import surrogate_errors
from kgtuner.analysis.trials import Trials, as_trials, read_trials
from kgtuner.cli.main import main
from kgtuner.errors import DataError
from kgtuner.space import load_space


def made_up(x: dict[str, Any]) -> float:
    """Adam is right, a learning rate near 0.01 is right, a larger dimension is a little better; the rest is noise."""
    value = 0.5 - 0.08 * abs(math.log10(x["optimizer.learning_rate"]) + 2)
    value -= 0.2 * (x["optimizer.name"] != "adam")
    return value + 0.03 * math.log2(x["model.dimension"] / 100)


def table(n: int = 300, seed: int = 0) -> pd.DataFrame:
    space, rng = load_space("full", ["complex"]), np.random.default_rng(seed)
    rows = []
    for number in range(n):
        x = space.sample(rng)
        value = made_up(x) + rng.normal(scale=0.01)
        seconds = x["model.dimension"] / 100
        rows.append({"number": number, "fidelity": "full", "value": value, "seconds": seconds, **x})
        if number < 80:
            rows.append(rows[-1] | {"fidelity": "near", "value": 0.5 * value, "seconds": 0.2 * seconds})
            rows.append(rows[-1] | {"fidelity": "random", "value": rng.random()})
    rows[0]["value"] = None  # a failure
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def trials() -> Trials:
    return as_trials(table())


@pytest.fixture(scope="module")
def found(trials: Trials) -> dict[str, Property]:
    return {one.name: one for one in properties(trials.of("full"), anchors=30)}


def test_what_matters_is_fixed_limited_or_monotone_and_the_rest_is_free(
    trials: Trials, found: dict[str, Property]
) -> None:
    groups = {g.name: g for g in grouped(trials.space, list(found.values()))}
    assert groups["optimizer.name"].group == "fixed"
    assert groups["optimizer.name"].change == "adam"
    assert groups["optimizer.learning_rate"].group == "limited"
    assert (
        groups["optimizer.learning_rate"].change["low"]
        < 0.01
        < groups["optimizer.learning_rate"].change["high"]
    )
    assert groups["model.dimension"].group == "monotone"
    assert groups["model.dimension"].change is None


def test_ranks_are_between_best_and_worst_and_cost_grows_with_the_dimension(
    found: dict[str, Property],
) -> None:
    ranks = found["model.dimension"].ranks
    assert ranks.min() == 0
    assert ranks.max() == 1
    np.testing.assert_allclose(ranks.mean(1), 0.5)
    seconds = found["model.dimension"].seconds
    assert (np.diff(seconds) > 0).all()
    assert seconds[-1] > 4 * seconds[0]


def test_a_consistent_hyper_parameter_keeps_the_order_of_the_anchors(found: dict[str, Property]) -> None:
    consistency = found["optimizer.name"].consistency
    np.testing.assert_allclose(np.diag(consistency), 1)
    np.testing.assert_allclose(consistency, consistency.T)
    assert consistency.min() > 0.7  # the others only add to it here


def test_a_cheaper_graph_is_judged_by_the_order_it_keeps(trials: Trials) -> None:
    by_name = {one.group: one for one in rank_correlations(trials)}
    assert by_name["near"].spearman == pytest.approx(1, abs=0.01)
    assert by_name["near"].cost == pytest.approx(0.2)
    assert by_name["near"].top == 1
    assert abs(by_name["random"].spearman) < 0.35
    assert by_name["random"].low <= by_name["random"].spearman <= by_name["random"].high


def test_a_smaller_space_is_smaller_and_its_cost_is_measured(
    trials: Trials, found: dict[str, Property]
) -> None:
    full = trials.of("full")
    groups = grouped(trials.space, list(found.values()))
    cost = cost_of(full, groups)
    assert cost.volume < 0.5
    assert 0 < cost.inside < len(full)
    assert cost.best_inside is not None
    assert cost.best - cost.best_inside < 0.1
    assert cost.expected > cost.expected_all  # random draws of the smaller space are better


def test_a_surrogate_errs_less_after_more_observations(trials: Trials) -> None:
    errors = surrogate_errors(trials.of("full"), repeats=4)
    squared = {(e.surrogate, e.observations): e.squared for e in errors}
    assert len(squared) == 9
    assert squared["random_forest", 30] < squared["random_forest", 10]
    assert all(e.low <= e.squared <= e.high for e in errors)
    few = trials.of("full")
    assert (
        surrogate_errors(
            Trials(few.space, few.codes[:15], few.values[:15], few.seconds[:15], few.groups[:15])
        )
        == []
    )


def test_the_box_around_the_trials_holds_them_all(trials: Trials) -> None:
    assert tried_space(trials).codes.inside(trials.codes).all()


def test_one_value_is_no_level_and_a_range_has_five_bins(trials: Trials) -> None:
    rate = trials.space.by_name["optimizer.learning_rate"]
    assert levels_of(rate, np.full(9, 0.1)) is None
    levels = levels_of(rate, np.geomspace(1e-4, 1.0, 50))
    assert levels is not None
    assert len(levels.codes) == 5
    assert levels.edges is not None
    assert levels.edges[[0, -1]] == pytest.approx([1e-4, 1.0])


@pytest.mark.slow
def test_the_command_writes_a_space_that_tune_reads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table(120).to_csv(tmp_path / "trials.csv", index=False)
    file = tmp_path / "smaller.yaml"
    assert main(["analyze", str(tmp_path / "trials.csv"), "--write-space", str(file), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert {g["group"] for g in said["hyper_parameters"]} <= {"fixed", "limited", "monotone", "free"}
    assert said["cost"]["inside"] > 0
    space = load_space(str(file), ["complex"])
    assert space.by_name["optimizer.name"].domain.values == ("adam",)  # type: ignore[union-attr]
    assert "best of 20 random configurations" in file.read_text()
    assert main(["analyze", str(tmp_path / "trials.csv")]) == 0
    assert "optimizer.name" in capsys.readouterr().out


def test_a_table_without_values_is_refused_with_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nothing\.csv does not exist; give a run folder or a table"):
        read_trials(tmp_path / "nothing.csv")
    (tmp_path / "a.csv").write_text("number\n1\n")
    with pytest.raises(DataError, match="has no column 'value'"):
        read_trials(tmp_path / "a.csv")


@pytest.mark.parametrize(
    ("column", "given"),
    [("value", "n/a"), ("seconds", "long"), ("model.dimension", "big"), ("model.dimension", "1e999")],
)
def test_a_text_where_a_number_belongs_is_refused_with_its_row(
    column: str, given: str, tmp_path: Path
) -> None:
    frame = table(20)
    frame = frame[frame["fidelity"] == "full"].reset_index(drop=True).astype({column: object})
    frame.loc[6, column] = given
    frame.to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(DataError, match=rf"row 7 of the table of trials has '?\S+ as {column}; expected a"):
        as_trials(read_trials(tmp_path / "a.csv"))
