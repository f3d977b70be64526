"""Optuna's own suites for samplers, and what we promise beyond them, over the whole table."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.samplers import BaseSampler
from optuna.testing.pytest_samplers import (
    BasicSamplerTestCase,
    RelativeSamplerTestCase,
    SingleOnlySamplerTestCase,
)

from kgtuner.domains import Choices, Float
from kgtuner.errors import ConfigError
from kgtuner.search.asking import ask
from kgtuner.search.samplers import SAMPLERS, ModelSampler, SpaceSampler
from kgtuner.space import Condition, Constraint, Parameter, Space

optuna.logging.set_verbosity(optuna.logging.WARNING)

QUICK = {"population": 50, "offspring": 20, "generations": 2, "n_startup": 3}
NAMES = [name for name in SAMPLERS if name != "smac"]
"""All but the one that takes a second and a half for a proposal, which has a test of its own below."""

SMALL: dict[str, dict[str, Any]] = {
    "random_forest": {"trees": 10},
    "gaussian_process": {"lengths": (1.0,)},
    "mlp": {"networks": 2, "width": 8, "steps": 20},
}
FAST: dict[str, dict[str, Any]] = {
    "evolution": {"population": 4, "tournament": 2},
    "tpe": {"n_startup": 3},
    **{
        name: QUICK | {"surrogate_options": SMALL[sampler.SURROGATE]}
        for name, sampler in SAMPLERS.items()
        if issubclass(sampler, ModelSampler)
    },
}


def build(name: str, space: Space | None = None, seed: int = 0, **options: Any) -> SpaceSampler:
    return SAMPLERS[name](space, seed=seed, **{**FAST.get(name, {}), **options})


def small_space() -> Space:
    return Space(
        [
            Parameter("mode", Choices(("sampled", "all"))),
            Parameter("count", Choices((8, 32, 128), ordered=True), Condition({"mode": ("sampled",)})),
            Parameter("loss", Choices(("ranking", "entropy"))),
            Parameter("margin", Float(1.0, 24.0), Condition({"loss": ("ranking",)})),
            Parameter("rate", Float(1e-5, 1.0, log=True)),
        ],
        [Constraint({"mode": ("all",), "loss": ("ranking",)}, "ranking needs sampled negatives")],
    )


class OurSampler:
    """Without a space of ours, as Optuna's suites define theirs on the way."""

    @pytest.fixture(params=NAMES)
    def sampler(self, request: pytest.FixtureRequest) -> Callable[[], BaseSampler]:
        return partial(build, request.param)


class TestOptunaBasics(OurSampler, BasicSamplerTestCase):
    pass


class TestOptunaRelative(OurSampler, RelativeSamplerTestCase):
    pass


class TestOptunaSingleObjective(OurSampler, SingleOnlySamplerTestCase):
    pass


def value_of(assignment: dict[str, Any]) -> float:
    return -((np.log10(assignment["rate"]) + 2.0) ** 2) - (assignment["loss"] == "entropy")


def run(study: optuna.Study, space: Space, trials: int) -> list[dict[str, Any]]:
    seen = []
    for _ in range(trials):
        trial, assignment = ask(study, space)
        study.tell(trial, value_of(assignment))
        seen.append(assignment)
    return seen


@pytest.mark.parametrize("name", NAMES)
def test_every_proposal_is_valid_and_stored_without_inactive_parameters(name: str) -> None:
    space = small_space()
    study = optuna.create_study(direction="maximize", sampler=build(name, space))
    for assignment in run(study, space, 20):
        space.validate(assignment)
    assert {tuple(t.params) == tuple(space.active(t.params)) for t in study.trials} == {True}
    assert any("margin" not in t.params for t in study.trials)


@pytest.mark.parametrize("name", NAMES)
def test_sixty_proposals_hold_no_duplicate_in_a_space_of_sixty(name: str) -> None:
    space = Space(
        [Parameter("a", Choices(tuple("abcde"))), Parameter("b", Choices(tuple(range(12)), ordered=True))]
    )
    study = optuna.create_study(direction="maximize", sampler=build(name, space))
    for _ in range(60):
        trial, assignment = ask(study, space)
        study.tell(trial, float(assignment["b"]))
    assert len({tuple(t.params.items()) for t in study.trials}) == 60
    trial, _ = ask(study, space)  # exhausted: a repetition, not an error
    study.tell(trial, 0.0)


@pytest.mark.parametrize("name", NAMES)
def test_a_resumed_study_goes_on_as_if_it_had_not_stopped(name: str) -> None:
    space = small_space()
    whole = optuna.create_study(direction="maximize", sampler=build(name, space))
    run(whole, space, 12)
    stopped = optuna.create_study(direction="maximize", sampler=build(name, space))
    run(stopped, space, 6)
    stopped.sampler = build(name, space)  # a new process makes a new sampler
    run(stopped, space, 6)
    assert [t.params for t in stopped.trials] == [t.params for t in whole.trials]


@pytest.mark.parametrize("name", NAMES)
def test_another_seed_proposes_something_else(name: str) -> None:
    space = small_space()
    first, second = (
        run(optuna.create_study(direction="maximize", sampler=build(name, space, seed=seed)), space, 4)
        for seed in (0, 1)
    )
    assert first != second


PROGRAM = """
import sys
import optuna
optuna.logging.set_verbosity(optuna.logging.WARNING)
sys.path.insert(0, {folder!r})
import test_samplers as contract
space = contract.small_space()
study = optuna.create_study(direction="maximize", sampler=contract.build({name!r}, space))
print(contract.run(study, space, 8))
"""


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[] if name in ("random", "rf_bore") else pytest.mark.slow) for name in NAMES],
)
def test_another_process_with_the_same_seed_proposes_the_same(name: str) -> None:
    space = small_space()
    here = run(optuna.create_study(direction="maximize", sampler=build(name, space)), space, 8)
    program = PROGRAM.format(name=name, folder=str(Path(__file__).parent))
    there = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert there.stdout.strip() == str(here)


@pytest.mark.parametrize("name", NAMES)
def test_failed_and_running_trials_neither_break_nor_repeat(name: str) -> None:
    space = Space([Parameter("a", Choices(tuple("abcdef"))), Parameter("b", Choices((True, False)))])
    study = optuna.create_study(direction="maximize", sampler=build(name, space))
    for i in range(12):
        trial, _ = ask(study, space)
        if i % 3 == 0:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
        elif i % 3 == 1:
            study.tell(trial, float(i))
    assert len({tuple(t.params.items()) for t in study.trials}) == 12


@pytest.mark.parametrize("name", NAMES)
def test_an_enqueued_configuration_is_used_as_it_is(name: str) -> None:
    space = small_space()
    study = optuna.create_study(direction="maximize", sampler=build(name, space))
    given = {"mode": "sampled", "count": 32, "loss": "ranking", "margin": 9.0, "rate": 0.5}
    study.enqueue_trial(given)
    _, assignment = ask(study, space)
    assert assignment == given


@pytest.mark.parametrize("name", NAMES)
def test_the_rest_of_a_half_enqueued_configuration_is_made_to_fit(name: str) -> None:
    space = small_space()
    study = optuna.create_study(direction="maximize", sampler=build(name, space))
    for _ in range(8):
        study.enqueue_trial({"loss": "ranking"})
        trial, assignment = ask(study, space)
        space.validate(assignment)
        assert assignment["mode"] == "sampled"  # ranking forbids the other one
        study.tell(trial, 0.0)


@pytest.mark.parametrize("name", NAMES)
def test_a_space_may_be_narrowed_differently_in_the_middle_of_a_study(name: str) -> None:
    legal = Space(
        [
            Parameter("loss", Choices(("ranking", "entropy", "mean"))),
            Parameter("batch", Choices((64, 128, 256, 512), ordered=True)),
        ]
    )
    study = optuna.create_study(direction="maximize")
    for changes in ({"loss": "ranking", "batch": 64}, {"loss": ["mean", "entropy"], "batch": [256, 512]}):
        space = legal.narrowed(changes)
        study.sampler = build(name, space)
        for _ in range(4):
            trial, assignment = ask(study, space)
            space.validate(assignment)
            study.tell(trial, float(assignment["batch"]))
    assert {t.params["batch"] for t in study.trials} == {64, 256, 512}


@pytest.mark.peer
def test_smac_keeps_the_same_promises() -> None:
    pytest.importorskip("smac")
    space = small_space()
    whole, again = (
        optuna.create_study(direction="maximize", sampler=build("smac", space, n_startup=4)) for _ in range(2)
    )
    for study in (whole, again):
        for number in range(9):
            trial, assignment = ask(study, space)
            space.validate(assignment)
            if number == 5:
                study.tell(trial, state=optuna.trial.TrialState.FAIL)
            else:
                study.tell(trial, value_of(assignment))
    assert [t.params for t in whole.trials] == [t.params for t in again.trials]
    assert len({tuple(t.params.items()) for t in whole.trials}) == 9


def test_without_its_package_smac_is_refused_with_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "smac", None)
    with pytest.raises(ConfigError, match=r"pip install 'kgtuner\[smac\]'"):
        build("smac", small_space())
