"""benchmarks/tabular: the table, and searches replayed on one that is made up."""

from __future__ import annotations

import math
import subprocess
import sys
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kgtuner as kt
from benchmarks.tabular import algorithms, compare, parts, simulate, subgraphs
from benchmarks.tabular.algorithms import ALGORITHMS, TOSS
from benchmarks.tabular.drawing import COSTLY_DIMENSION, drawn, space_of
from benchmarks.tabular.evidence import TOGETHER, on_the_same
from benchmarks.tabular.made_by import digest_of
from benchmarks.tabular.plan import FIDELITIES, SERIES, Job, Series, jobs
from benchmarks.tabular.replay import Trace, replay
from benchmarks.tabular.store import DATA, Store, key_of
from benchmarks.tabular.table import Table, Training
from benchmarks.tabular.training import config_of, graph_of, trained
from kgtuner.analysis.trials import Trials
from kgtuner.search.strategies import FULL, STRATEGIES, Asking, Problem, Request
from kgtuner.search.strategies.single import single

ROOT = Path(__file__).parents[2]


def a_row(number: int, fidelity: str = FULL, **changes: Any) -> dict[str, Any]:
    """A row as `trained` makes it; better the nearer the learning rate is to 0.01."""
    assignment = drawn("complex", number)
    value = 1 / (1 + abs(math.log10(assignment["optimizer.learning_rate"]) + 2))
    cap = 4.0 if fidelity == FULL else 1.0
    return {
        "graph": "umls", "model": "complex", "fidelity": fidelity, "number": number, "seed": 0, "cap": cap,
        "value": value, "failure": None, "stopped_by": "max_seconds", "cpu_seconds": cap, "wall_seconds": cap,
        "steps": 100, "queries": 1000, "hits_at_10": value, "entities": 10, "triples": 100, "source": "x",
        "machine": "m", "day": "2026-11-25", "curve_step": [25, 50, 75, 100],
        "curve_seconds": [cap / 4, cap / 2, cap * 3 / 4, cap],
        "curve_value": [value / 4, value / 2, value, value * 0.9], **assignment, **changes,
    }  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    store = Store(folder)
    store.rows["umls-complex"] = [a_row(n, f) for n in range(39) for f in (FULL, "walk-0.4")]
    store.add(a_row(39, value=None, failure="diverged", curve_step=[], curve_seconds=[], curve_value=[]))
    store.add(a_row(39, "walk-0.4"))
    return folder


@pytest.fixture(scope="module")
def table(folder: Path) -> Table:
    return Table.load("umls", "complex", folder)


def test_configurations_depend_on_their_number_alone_and_the_costly_ones_are_rare() -> None:
    space = space_of("complex")
    some = [drawn("complex", number) for number in range(300)]
    for assignment in some:
        space.validate(assignment)
    assert drawn("complex", 7) == some[7]
    assert len({str(assignment) for assignment in some}) == 300
    costly = np.mean([assignment["model.dimension"] >= COSTLY_DIMENSION for assignment in some])
    assert costly == pytest.approx(0.4 * 0.25 / (0.6 + 0.4 * 0.25), abs=0.06)


def test_every_prefix_of_the_plan_advances_all_series_that_are_due() -> None:
    planned = list(jobs())
    assert len({job.key for job in planned}) == len(planned)
    assert [job.round for job in planned] == sorted(job.round for job in planned)
    begun = {(job.graph, job.fidelity) for job in islice(planned, 30)}
    assert {("umls", FULL), ("umls", "walk-0.4"), ("codex-s", FULL), ("codex-s", "walk-0.2")} <= begun
    assert {one.fidelity for one in SERIES} <= set(FIDELITIES)
    assert sum(job.seed for job in jobs((Series("umls", "complex", FULL, 1.0, 25, seeds=2),))) == 3


def test_the_table_comes_back_as_it_was_written(folder: Path) -> None:
    rows = Store(folder).rows["umls-complex"]
    assert len(Store(folder).keys()) == len(rows) == 80
    written = a_row(3)
    read = next(row for row in rows if key_of(row) == key_of(written))
    assert {name: read[name] for name in written} == {
        name: pytest.approx(value) if isinstance(value, float | list) and name != "graph" else value
        for name, value in written.items()
    }


def test_the_shipped_studies_are_those_of_the_tables() -> None:
    command = [sys.executable, "-m", "benchmarks.tabular.earlier", "--check"]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert ended.returncode == 0, ended.stderr


def test_two_processes_that_add_to_a_file_keep_what_both_found(tmp_path: Path) -> None:
    first, second = Store(tmp_path), Store(tmp_path)
    for store, numbers in ((first, (0, 2)), (second, (1, 3)), (first, (4,))):
        for number in numbers:
            store.add(a_row(number))
    assert sorted(key[3] for key in Store(tmp_path).keys()) == [0, 1, 2, 3, 4]  # noqa: SIM118
    first.add(a_row(1))  # made twice: kept once
    assert len(Store(tmp_path).rows["umls-complex"]) == 5


def test_a_training_stopped_early_has_its_best_so_far_and_pays_for_it_alone() -> None:
    training = Training(4.0, np.array([1.0, 2.0, 3.0, 4.0]), np.array([0.1, 0.3, 0.5, 0.4]), failed=False)
    assert training.until(2.5) == (0.3, 2.0)
    assert training.until(4.0) == (0.5, 4.0)
    assert training.until(0.2) == (0.1, 1.0)  # not before its first validation
    failed = Training(3.0, np.array([1.0]), np.array([0.1]), failed=True)
    assert failed.until(1.5) == (0.1, 1.0)
    assert math.isnan(failed.until(3.0)[0])


def test_what_has_been_paid_is_not_paid_again(table: Table) -> None:
    whole = table.answer(0, FULL, 1.0)
    first, rest = table.answer(0, FULL, 0.5), table.answer(0, FULL, 1.0, before=0.5)
    assert whole.cost == pytest.approx(1.0)
    assert first.cost + rest.cost == pytest.approx(whole.cost)
    assert first.value < rest.value == whole.value


def test_a_replay_pays_as_it_goes_and_its_incumbent_never_gets_worse_by_what_it_saw(table: Table) -> None:
    trace = replay(table, partial(single, sampler="random"), 10.0, seed=0)
    assert trace.trainings in (10, 11)
    assert trace.cost == sorted(trace.cost)
    assert trace.quality == sorted(trace.quality)
    assert trace.at(0.5) != trace.at(0.5)
    assert trace.at(10.0) == trace.quality[-1]
    best = max(t.value for t in table.trainings[FULL].values() if not t.failed)
    everything = replay(table, partial(single, sampler="random"), 1e9, seed=0)
    assert everything.quality[-1] == best
    assert everything.trainings == 40


def test_a_training_beyond_the_budget_tells_nothing(table: Table) -> None:
    def greedy(problem: Problem) -> Asking:
        assert problem.pool is not None
        yield Request(problem.pool[0], share=0.5)
        yield Request(problem.pool[1])

    trace = replay(table, greedy, 1.2, seed=0)
    assert len(trace.cost) == 1


def test_a_subgraph_finds_an_incumbent_that_is_judged_on_the_full_graph(table: Table) -> None:
    def one(problem: Problem) -> Asking:
        assert problem.pool is not None
        yield Request(problem.pool[0], "walk-0.4")

    trace = replay(table, one, 3.0, seed=0, fidelities=("walk-0.4",))
    assert trace.cost == [0.25]
    assert trace.quality == [table.trainings[FULL][0].value]


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_strategy_can_be_replayed_and_repeats_itself(name: str, table: Table) -> None:
    options: dict[str, object] = {"surrogate_options": {"trees": 5}} if name in ("toss", "racing") else {}
    one, two = (
        replay(table, STRATEGIES[name].search, 3.0, 1, fidelities=("walk-0.4",), options=options)
        for _ in range(2)
    )
    assert one == two
    assert one.quality


def test_figures_rank_a_search_that_learns_above_one_that_is_unlucky(table: Table) -> None:
    best = max(t.value for t in table.trainings[FULL].values() if not t.failed)
    runs = {
        "3": {
            "racing": {"quality": [best] * 8, "seconds": 0.1},
            "random": {"quality": [best - 0.1 * (i + 1) for i in range(7)] + [None], "seconds": 0.1},
        }
    }
    shown = simulate.figures(table, "umls", runs)
    assert shown["budgets"]["3"]["regret"]["racing"]["mean"] == 0
    test = shown["budgets"]["3"]["against"]["racing"]["random"]
    assert test["better"]
    assert test["p"] == pytest.approx(2 / 2**8)
    assert simulate.table_of(shown).splitlines()[2].startswith("| racing | 0.0000")


def test_a_result_is_remade_when_its_code_or_the_number_of_seeds_has_changed() -> None:
    made_by = algorithms.MADE_BY
    assert len(set(made_by.values())) == len(made_by)  # code or arguments differ
    more = {"surrogate_options": {"trees": 26}}
    assert digest_of(TOSS.search, TOSS.options) == made_by["toss"] != digest_of(TOSS.search, more)
    run = {"quality": [0.5] * 30, "made_by": made_by["racing"]}
    assert simulate.is_current(run, "racing", 30)
    assert not simulate.is_current(run, "racing", 31)
    assert not simulate.is_current(run, "toss", 30)
    assert not simulate.is_current({"quality": [0.5] * 30}, "racing", 30)
    assert not simulate.is_current(None, "racing", 30)
    runs = {"3": {"racing": run}, "6": {"racing, full graph only": run}, "15": {"gone": run}}
    assert simulate.current(runs, 30) == {"3": {"racing": run}, "6": {}, "15": {}}


def test_a_table_counts_as_the_same_as_long_as_what_a_replay_can_ask_for_is(tmp_path: Path) -> None:
    def seen(*more: dict[str, Any], **changes: Any) -> str:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        store = Store(folder)
        for row in (a_row(0, **changes), a_row(0, "walk-0.4"), *more):
            store.add(row)
        return simulate.digest(Table.load("umls", "complex", folder), ("walk-0.4",))

    before = seen()
    assert seen(a_row(0, "walk-0.2"), a_row(1)) == before  # of 1 there is nothing on the subgraph
    assert seen(a_row(1), a_row(1, "walk-0.4")) != before
    assert seen(curve_value=[0.1, 0.2, 0.3, 0.3]) != before
    assert seen(cpu_seconds=3.9) != before
    assert seen(failure="diverged") != before


def test_parts_of_a_table_differ_from_seed_to_seed_and_are_the_same_for_all_searches(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[tuple[str, int], list[int]] = {}

    def answered(table: Table, search: Any, budget: float, seed: int, numbers: list[int], **_: Any) -> Trace:
        given["racing" if search is ALGORITHMS["racing"].search else "random", seed] = numbers
        return Trace([], [], 0)

    monkeypatch.setattr(parts, "replay", answered)
    monkeypatch.setattr(parts, "good_elsewhere", lambda table, graph, numbers: numbers[:1])
    for name in ("racing", "random"):
        for seed in (0, 1):
            quality, best = parts.replayed(table, "umls", name, 3.0, seed)
            assert quality == 0.0
            numbers = given[name, seed]
            assert best == max(t.value for n in numbers if not (t := table.trainings[FULL][n]).failed)
            assert len(set(numbers)) == round(2 / 3 * 40)
    assert given["racing", 0] == given["random", 0] != given["racing", 1] == given["random", 1]


def test_toss_on_another_subgraph_may_ask_for_that_one_and_for_the_configurations_that_all_have(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[tuple[str, ...], list[int]]] = []

    def answered(*_: Any, fidelities: tuple[str, ...], numbers: list[int], **__: Any) -> Trace:
        asked.append((fidelities, numbers))
        return Trace([1.0, 2.0], [0.3, 0.4], 2)

    monkeypatch.setattr(subgraphs, "replay", answered)
    for subgraph in ("walk-0.4", subgraphs.WITHOUT):
        assert subgraphs.replayed(table, [3, 5], subgraph, 10.0, seed=0) == 0.4
    assert asked == [(("walk-0.4",), [3, 5]), ((), [3, 5])]


def test_a_second_subgraph_of_a_kind_is_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    small = kt.load_dataset("world")
    monkeypatch.setattr("kgtuner.load_dataset", lambda name: small)
    first, second = (graph_of("a graph", name) for name in TOGETHER)
    assert set(first.entities) != set(second.entities)


def test_regrets_of_subgraphs_are_compared_with_the_usual_one_seed_by_seed() -> None:
    runs: dict[str, dict[str, list[float | None]]] = {
        subgraphs.USUAL: {"3": [0.4, 0.3, 0.4, 0.4, 0.3, 0.4, 0.3]},
        "walk-0.1": {"3": [0.2, 0.1, 0.3, 0.2, None, 0.3, 0.1]},
    }
    shown = subgraphs.figures(0.5, runs)
    assert shown[subgraphs.USUAL]["3"]["mean"] == pytest.approx(0.5 - 2.5 / 7)
    assert shown["walk-0.1"]["3"]["mean"] == pytest.approx(0.5 - 1.2 / 7)  # nothing found: all of it
    assert shown[subgraphs.USUAL]["3"]["p"] is None
    assert shown["walk-0.1"]["3"]["p"] == pytest.approx(2 / 2**7)  # worse for each of seven


def test_subgraphs_are_compared_on_the_configurations_that_all_have_and_two_of_them_by_their_mean_rank() -> (
    None
):
    space = space_of("complex")
    codes = space.codes.rows([drawn("complex", number) for number in range(5)])
    values = {
        FULL: {0: 0.1, 1: 0.2, 2: 0.3, 3: 0.4},
        TOGETHER[0]: {4: 0.5, 2: 0.3, 1: math.nan, 0: 0.1},
        TOGETHER[1]: {0: 0.7, 1: 0.4, 2: 0.6},
    }
    rows = [(name, number, value) for name, own in values.items() for number, value in own.items()]
    trials = Trials(
        space,
        codes[[number for _, number, _ in rows]],
        np.array([value for _, _, value in rows]),
        np.array([float(number + 1) for _, number, _ in rows]),
        tuple(name for name, _, _ in rows),
    )
    same = on_the_same(trials)
    together = " + ".join(TOGETHER)
    assert {name: len(same.of(name)) for name in set(same.groups)} == dict.fromkeys((*values, together), 3)
    for name in values:
        assert np.array_equal(same.of(name).codes, codes[:3], equal_nan=True)
    assert same.of(together).values.tolist() == [2 + 3, 1 + 1, 3 + 2]  # a failure ranks last
    assert same.of(together).seconds.tolist() == [2.0, 4.0, 6.0]


def test_p_values_are_adjusted_for_their_number() -> None:
    assert compare.holm({"a": 0.01, "b": 0.04, "c": 0.03}) == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06})
    assert compare.p_value([1.0, 2.0], [1.0, 2.0]) == 1
    assert compare.regrets(0.5, [0.4, math.nan]) == pytest.approx([0.1, 0.5])


def test_a_trace_without_an_incumbent_has_no_quality() -> None:
    assert math.isnan(Trace([], [], 0).at(3.0))


def test_a_real_training_becomes_a_row_with_its_curve() -> None:
    job = Job(0.0, 0, "world", "complex", FULL, 0, 0, 0.3)
    row = trained(job)
    assert row["failure"] is None if "failure" in row else row["value"] > 0
    assert len(row["curve_step"]) == len(row["curve_value"]) >= 1
    assert row["cpu_seconds"] > 0
    assert config_of(job).training.max_seconds == 0.3
    assert row["optimizer.name"] == drawn("complex", 0)["optimizer.name"]


def test_the_committed_table_is_what_the_plan_says() -> None:
    wanted = {job.key: job.cap for job in jobs()}
    store = Store(DATA)
    assert store.rows
    for rows in store.rows.values():
        for row in rows:
            assert wanted[key_of(row)] == pytest.approx(row["cap"])
            assignment = drawn(row["model"], row["number"])
            assert {name: row[name] for name in assignment} == assignment
            assert row["failure"] or row["value"] == pytest.approx(max(row["curve_value"]), rel=1e-5)
