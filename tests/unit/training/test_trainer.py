"""When the loop validates and why it stops, on a made-up step and a clock that the test moves."""

from __future__ import annotations

import pytest
import torch

from kgtuner.errors import Diverged
from kgtuner.models import MODELS
from kgtuner.training.best import BestParameters
from kgtuner.training.early_stopping import EarlyStopping
from kgtuner.training.optimizers import OPTIMIZERS
from kgtuner.training.queries import Batches
from kgtuner.training.steps import Gradient
from kgtuner.training.trainer import CurvePoint, Limits, Trainer


class World:
    """A clock, and a step that adds 1 to every entity coordinate: after k steps all of them are k."""

    def __init__(self, step_seconds: float = 1.0, loss: float = 2.0) -> None:
        self.now, self.step_seconds, self.loss = 100.0, step_seconds, loss
        self.model = MODELS["distmult"](2, 1, 2)
        with torch.no_grad():
            self.model.entities.zero_()
            self.model.relations.zero_()

    def step(self, batch: torch.Tensor) -> Gradient:
        self.now += self.step_seconds
        loss = torch.tensor(self.loss if self.model.entities[0, 0] < 300 else float("nan"))
        return Gradient(loss, (None, -torch.ones(2, 2)), (None, torch.zeros(1, 2)))

    def trainer(self, limits: Limits, patience: int = 5, halve_after: int | None = None) -> Trainer:
        return Trainer(
            self.model,
            self.step,  # type: ignore[arg-type]
            OPTIMIZERS["sgd"](learning_rate=1.0),
            Batches(10, 4, torch.Generator().manual_seed(0)),
            EarlyStopping(patience, halve_after),
            limits,
            BestParameters(self.model),
            lambda: self.now,
        )

    def at(self) -> float:
        return float(self.model.entities[0, 0])


def test_validates_every_so_many_steps_and_at_the_end() -> None:
    world = World()
    outcome = world.trainer(Limits(max_steps=7, validate_every=3)).run(world.at)
    assert [(p.step, p.metric, p.loss) for p in outcome.curve] == [
        (3, 3.0, 2.0),
        (6, 6.0, 2.0),
        (7, 7.0, 2.0),
    ]
    assert (outcome.stopped_by, outcome.steps, outcome.best_metric) == ("max_steps", 7, 7.0)


def test_counts_queries_and_time_with_and_without_validation() -> None:
    world = World()

    def validate() -> float:
        world.now += 10
        return world.at()

    outcome = world.trainer(Limits(max_steps=4, validate_every=2)).run(validate)
    assert outcome.queries == 4 + 4 + 2 + 4  # ten positions a pass, four a batch
    assert (outcome.training_seconds, outcome.seconds) == (4, 24)
    assert [p.seconds for p in outcome.curve] == [12, 24]


def test_validates_by_the_clock_where_asked_to() -> None:
    world = World()
    limits = Limits(max_steps=10, validate_every=1, validate_every_seconds=4)
    assert [p.step for p in world.trainer(limits).run(world.at).curve] == [4, 8, 10]


def test_time_limit_leaves_room_for_the_last_validation() -> None:
    world = World()

    def validate() -> float:
        world.now += 5
        return world.at()

    outcome = world.trainer(Limits(max_steps=1000, validate_every=4, max_seconds=20)).run(validate)
    # Four steps and 5 s of validation make 9, again 18; another step would need another 5.
    assert (outcome.stopped_by, outcome.steps, outcome.seconds) == ("max_seconds", 8, 18)


def test_work_after_the_last_validation_is_kept_back_from_the_time_limit() -> None:
    def steps(final_validations: float) -> int:
        world = World()

        def validate() -> float:
            world.now += 2
            return world.at()

        limits = Limits(1000, 10, max_seconds=60, final_validations=final_validations)
        return world.trainer(limits).run(validate).steps

    # Ten steps and their validation take 12 s. With nothing to come after, the last ten end at 58 + 2;
    # with five more validations to come, that is 10 s, training ends after 48.
    assert (steps(0), steps(5)) == (50, 40)


def test_time_limit_shorter_than_a_step_still_trains_one_and_validates() -> None:
    world = World()
    outcome = world.trainer(Limits(max_steps=9, validate_every=5, max_seconds=0.0)).run(world.at)
    assert (outcome.stopped_by, outcome.steps, len(outcome.curve)) == ("max_seconds", 1, 1)


def test_stops_when_patience_is_at_its_end_with_the_best_parameters() -> None:
    world = World()
    outcome = world.trainer(Limits(100, 1), patience=3).run(lambda: -abs(world.at() - 4))
    assert (outcome.stopped_by, outcome.steps, outcome.best_metric) == ("patience", 7, 0.0)
    assert world.at() == 4
    assert not world.model.training


def test_halves_the_learning_rate_without_progress() -> None:
    world = World()
    trainer = world.trainer(Limits(6, 1), halve_after=3)
    trainer.run(lambda: 0.5)
    # Full steps until the third validation without a gain (the fourth in all), then two half steps.
    assert trainer.optimizer.learning_rate == 0.5
    assert [p.step for p in trainer.progress.curve] == [1, 2, 3, 4, 5, 6]


def test_loss_that_is_not_finite_ends_training_between_validations() -> None:
    world = World()
    with pytest.raises(Diverged, match=r"the loss is nan by step 512; a smaller learning rate"):
        world.trainer(Limits(10_000, 10_000)).run(world.at)


def test_loss_that_is_not_finite_is_noticed_before_validation() -> None:
    world = World(loss=float("inf"))
    with pytest.raises(Diverged, match="the loss is inf by step 2"):
        world.trainer(Limits(10, 2)).run(world.at)


def test_model_validates_in_evaluation_mode_and_trains_in_training_mode() -> None:
    world = World()
    modes: list[bool] = []
    trainer = world.trainer(Limits(2, 1))
    own_step = trainer.step

    def step(batch: torch.Tensor) -> Gradient:
        modes.append(world.model.training)
        return own_step(batch)

    trainer.step = step  # type: ignore[assignment]

    def validate() -> float:
        modes.append(world.model.training)
        return 0.0

    trainer.run(validate)
    assert modes == [True, False, True, False]


def test_whoever_watches_sees_each_validation() -> None:
    world = World()
    seen: list[CurvePoint] = []
    outcome = world.trainer(Limits(5, 2)).run(world.at, seen.append)
    assert tuple(seen) == outcome.curve
