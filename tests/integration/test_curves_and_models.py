"""benchmarks/tabular: what the beginning of a training says of its end, and one search over several models."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.tabular import curves, joint
from benchmarks.tabular.curves import RACE, alike, judged, power_law, predictors, so_far
from benchmarks.tabular.table import Table, Training
from kgtuner.search.strategies import FULL

AT = np.arange(1, 17) / 16


def training(values: np.ndarray, failed: bool = False) -> Training:
    return Training(1.0, AT[: len(values)], values, failed)


def test_a_law_is_found_again_from_half_of_a_curve() -> None:
    rises = training(0.5 - 0.02 * AT**-0.8)
    assert power_law(rises, 0.5, 1.0) == pytest.approx(0.48, abs=0.005)
    assert rises.until(0.5)[0] < 0.47


def test_a_curve_that_has_ended_or_is_too_short_or_falls_is_taken_at_its_best() -> None:
    ended = training(np.array([0.1, 0.2, 0.3, 0.25]))
    assert power_law(ended, 0.5, 1.0) == pytest.approx(0.3)
    rises = training(0.5 - 0.02 * AT**-0.8)
    assert power_law(rises, 1 / 8, 1.0) == pytest.approx(rises.until(1 / 8)[0])
    falls = training(np.linspace(0.4, 0.1, 16))
    assert power_law(falls, 0.5, 1.0) == pytest.approx(0.4, abs=1e-4)


def test_what_is_seen_of_a_curve_is_its_best_at_each_sixteenth_and_0_once_it_has_failed() -> None:
    curve = training(np.array([0.2, 0.1, 0.3, *[0.25] * 13]))
    assert so_far(curve, 1 / 4, 1.0).tolist() == pytest.approx([0.2, 0.2, 0.3, 0.3])
    failed = Training(0.2, np.array([0.1]), np.array([0.4]), failed=True)
    assert so_far(failed, 1 / 4, 1.0).tolist() == pytest.approx([0.4, 0.4, 0.4, 0.0])


def test_who_knows_the_ends_loses_nothing_and_who_turns_them_round_loses_most() -> None:
    ends = np.linspace(0, 1, 60)
    rng = np.random.default_rng(0)
    assert judged(ends, ends, rng) == (pytest.approx(1), 0)
    spearman, lost = judged(-ends, ends, rng)
    assert spearman == pytest.approx(-1)
    assert lost > (RACE - 4) / 60 / 2


def test_a_law_is_one_of_the_ways_where_it_can_be_fitted_and_something_is_left_to_foretell() -> None:
    table = Table.load("codex-s", "complex")
    numbers = table.numbers(("walk-0.2",))[:60]
    ends = np.nan_to_num([table.trainings[FULL][number].value for number in numbers])
    ways = {
        share: predictors(table, "walk-0.2", share, numbers, ends) for share in (1 / 16, 1 / 4, 1 / 2, 1.0)
    }
    assert [share for share in ways if "power law" in ways[share]] == [1 / 2]
    rng, known = np.random.default_rng(0), np.arange(30)
    law, value = (ways[1 / 2][name](rng, known) for name in ("power law", "value so far"))
    assert (law > value + 0.001).sum() > 6  # it goes up from where a curve is, if at all
    assert (law >= value - 1e-9).all()


def test_subgraphs_are_compared_on_the_configurations_that_all_of_them_have(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(curves, "RESAMPLES", 40)
    monkeypatch.setattr(curves, "MANY_RACES", 2_000)
    table = Table.load("codex-s", "complex")
    rows = {(row["graph"], row["share"]): row for row in alike(table)}
    assert len(rows) == 3 + 2 * (len(table.trainings) - 1)
    assert {row["configurations"] for row in rows.values()} == {100}
    half, smallest = rows[FULL, 1 / 2], rows["walk-0.05", 1 / 4]
    assert half["spearman"] > 0.95 > 0.6 > smallest["spearman"]
    assert half["lost"]["high"] < smallest["lost"]["low"]
    assert all(
        row["lost"]["low"] < row["lost"]["mean"] < row["lost"]["high"]
        for row in rows.values()
        if row["cost"] < 0.3
    )
    assert 0.5 < half["cost"] < 0.75
    assert smallest["cost"] < 0.03


def test_a_forest_learns_from_the_known_ends_alone() -> None:
    table = Table.load("umls", "complex")
    numbers = table.numbers(("walk-0.4",))[:80]
    ends = np.nan_to_num([table.trainings[FULL][number].value for number in numbers])
    known = np.arange(30)
    changed = np.where(np.arange(80) < 30, ends, 0)
    for given in (ends, changed):
        ways = predictors(table, FULL, 1 / 4, numbers, given)
        foretold = ways["forest, both"](np.random.default_rng(0), known)
        assert np.corrcoef(foretold[30:], ends[30:])[0, 1] > 0.5


def test_the_joint_table_has_each_models_rows_and_answers() -> None:
    table = joint.joint()
    assert len(table.codes) == joint.EACH * len(joint.MODELS)
    for place, model in enumerate(joint.MODELS):
        own = joint.alone(model)
        for number in (0, 77, joint.EACH - 1):
            at = joint.EACH * place + number
            assert table.space.codes.assignment(table.codes[at]) == own.space.codes.assignment(
                own.codes[number]
            )
            assert table.answer(at, FULL, 1 / 4) == own.answer(number, FULL, 1 / 4)


def test_a_search_of_all_models_can_find_any_of_them_and_is_judged_by_the_best() -> None:
    found = joint.qualities("random", joint.JOINT, 30.0, range(4))
    shared = joint.qualities("random", joint.SHARED_OUT, 30.0, range(4))
    transe = joint.qualities("random", "transe", 30.0, range(4))
    assert max(found + shared) <= joint.best_of_all()
    assert max(transe) < 0.31 < max(found)
    runs = {"random": {joint.JOINT: {"30": {"quality": found}}, "transe": {"30": {"quality": transe}}}}
    regret = joint.figures(runs)["random"]
    assert regret[joint.JOINT]["30"]["p"] is None
    assert regret["transe"]["30"]["mean"] > regret[joint.JOINT]["30"]["mean"]
