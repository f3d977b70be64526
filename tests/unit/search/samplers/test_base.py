"""kgtuner.search.samplers.base: what a study tells a sampler."""

from __future__ import annotations

import math

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

from kgtuner.domains import Choices, Float
from kgtuner.search.asking import ask
from kgtuner.search.proposals import Observations
from kgtuner.search.samplers import SpaceSampler
from kgtuner.search.samplers.base import GROUP
from kgtuner.space import Condition, Parameter, Space
from kgtuner.types import FloatArray

optuna.logging.set_verbosity(optuna.logging.WARNING)


class Recorder(SpaceSampler):
    """Proposes at random and keeps what it was told."""

    seen: Observations

    def row(self, space: Space, observations: Observations, number: int) -> FloatArray:
        self.seen = observations
        return space.codes.sample(1, self.generator(number))[0]


def space() -> Space:
    return Space(
        [
            Parameter("loss", Choices(("ranking", "entropy"))),
            Parameter("margin", Float(1.0, 24.0), Condition({"loss": ("ranking",)})),
        ]
    )


@pytest.mark.parametrize(("direction", "sign"), [("maximize", 1.0), ("minimize", -1.0)])
def test_values_are_larger_is_better_and_missing_for_failed_pruned_and_running(
    direction: str, sign: float
) -> None:
    sampler = Recorder(space(), seed=0)
    study = optuna.create_study(direction=direction, sampler=sampler)
    study.tell(ask(study, space())[0], 0.25)
    study.tell(ask(study, space())[0], state=TrialState.FAIL)
    pruned, _ = ask(study, space())
    pruned.report(0.9, 1)
    study.tell(pruned, state=TrialState.PRUNED)
    ask(study, space())  # still running
    ask(study, space())
    np.testing.assert_array_equal(sampler.seen.values, [sign * 0.25, math.nan, math.nan, math.nan])
    assert space().codes.valid(sampler.seen.codes).all()


def test_a_prior_comes_first_and_a_trial_names_its_group() -> None:
    prior = Observations.of(space(), [{"loss": "entropy", "elsewhere": 1}], [0.5], group=7)
    sampler = Recorder(space(), seed=0, prior=prior)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    for group in (3, None):
        trial, _ = ask(study, space())
        if group is not None:
            trial.set_user_attr(GROUP, group)
        study.tell(trial, 1.0)
    ask(study, space())
    assert sampler.seen.groups.tolist() == [7, 3, 0]
    assert sampler.seen.values.tolist() == [0.5, 1.0, 1.0]


def test_a_trial_of_another_space_is_left_out() -> None:
    sampler = Recorder(space(), seed=0)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    study.add_trial(
        optuna.create_trial(
            params={"other": 0.5},
            distributions={"other": optuna.distributions.FloatDistribution(0, 1)},
            value=1.0,
        )
    )
    ask(study, space())
    assert len(sampler.seen) == 0


def test_without_a_seed_two_samplers_differ() -> None:
    assert Recorder(space()).seed != Recorder(space()).seed


def test_each_trial_has_a_generator_of_its_own_that_a_new_sampler_has_again() -> None:
    drawn = [Recorder(space(), seed=5).generator(number).random() for number in (3, 3, 4)]
    assert drawn[0] == drawn[1]
    assert drawn[0] != drawn[2]
