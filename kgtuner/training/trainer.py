"""The training loop: steps, validations in between, and the limits that end it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import torch

from kgtuner.errors import Diverged
from kgtuner.models import Model
from kgtuner.training.all_entities import AllEntitiesStep
from kgtuner.training.best import BestParameters
from kgtuner.training.early_stopping import EarlyStopping
from kgtuner.training.negative_sampling import NegativeSamplingStep
from kgtuner.training.optimizers import Optimizer
from kgtuner.training.queries import Batches
from kgtuner.types import Clock

FINITE_CHECK = 256
"""Steps between looks at the loss. Each look waits for the device, so it is not done every step."""

StopReason = Literal["max_steps", "max_seconds", "patience"]


@dataclass(frozen=True)
class CurvePoint:
    """One validation: after how many steps and seconds, the mean loss since the last one, the metric."""

    step: int
    seconds: float
    loss: float
    metric: float


@dataclass(frozen=True)
class Limits:
    """When to validate and when to stop. Steps are optimiser steps, seconds are wall clock.

    With `validate_every_seconds` validations follow the clock, else every `validate_every` steps.
    `final_validations` is the time that work after the last validation will take, in units of one
    validation: it is kept back from `max_seconds`.
    """

    max_steps: int
    validate_every: int
    max_seconds: float | None = None
    validate_every_seconds: float | None = None
    final_validations: float = 0.0


@dataclass
class Progress:
    """Where a training stands; what a checkpoint has to bring back besides parameters."""

    step: int = 0
    seconds: float = 0.0
    queries: int = 0
    training_seconds: float = 0.0
    validated_at: float = 0.0  # seconds
    loss_sum: float = 0.0  # since the last validation
    loss_steps: int = 0
    curve: list[CurvePoint] = field(default_factory=list)


@dataclass(frozen=True)
class TrainingOutcome:
    """The end of a training. The model holds the best parameters, not the last ones.

    Attributes:
        best_metric: the best validation.
        curve: all validations.
        steps, queries: optimiser steps and directed queries trained on.
        seconds: wall clock with validations; training_seconds: without.
        stopped_by: which limit ended it.
    """

    best_metric: float
    curve: tuple[CurvePoint, ...]
    steps: int
    queries: int
    seconds: float
    training_seconds: float
    stopped_by: StopReason


class Trainer:
    """Trains a model by one step function under given limits.

    Args:
        model: trained in place.
        step: computes the gradient of a batch.
        optimizer: moves the parameters; registered with the model's tables here.
        batches: what the step is called with.
        early_stopping: decides on halving the learning rate and on stopping.
        limits: when to validate and when to stop.
        best: keeps the best parameters.
        clock: seconds that only grow.
        device: where gradients are computed; None for where the model is.

    Attributes:
        progress: where the training stands.
        ending: whether the validation being reported is the last one.
    """

    def __init__(
        self,
        model: Model,
        step: NegativeSamplingStep | AllEntitiesStep,
        optimizer: Optimizer,
        batches: Batches,
        early_stopping: EarlyStopping,
        limits: Limits,
        best: BestParameters,
        clock: Clock = time.monotonic,
        device: torch.device | None = None,
    ) -> None:
        self.model = model
        self.device = model.entities.device if device is None else device
        self.step = step
        self.optimizer = optimizer
        self.batches = batches
        self.early_stopping = early_stopping
        self.limits = limits
        self.best = best
        self.clock = clock
        self.progress = Progress()
        self.ending = False
        self.layers = {
            name: p for name, p in model.named_parameters() if name not in ("entities", "relations")
        }
        optimizer.register({"entities": model.entities, "relations": model.relations, **self.layers})

    def run(
        self,
        validate: Callable[[], float],
        on_validation: Callable[[CurvePoint], None] = lambda point: None,
        on_pause: Callable[[], None] = lambda: None,
        pause_every: float = math.inf,
    ) -> TrainingOutcome:
        """Train until a limit is reached.

        Args:
            validate: the metric of the model as it is now; larger is better.
            on_validation: called after each validation, when the state is whole and can be saved.
            on_pause: called between two validations, when the state is whole as well, every so many seconds.
            pause_every: seconds.

        Raises:
            Diverged: when the loss stops being finite.
        """
        progress, limits = self.progress, self.limits
        began = self.clock() - progress.seconds
        last_pause = progress.seconds
        validation_seconds = 0.0
        loss_sum = torch.full((), progress.loss_sum, device=self.model.entities.device)
        stopped_by = self._finished()  # a checkpoint may be of a training that had just ended
        self.model.train()
        trained_until = self.clock()
        while stopped_by is None:
            batch = self.batches.next()
            loss_sum += self.train_batch(batch)
            progress.loss_steps += 1
            progress.step += 1
            progress.queries += len(batch)
            now = self.clock()
            progress.training_seconds += now - trained_until
            trained_until = now
            progress.seconds = now - began
            if progress.step >= limits.max_steps:
                stopped_by = "max_steps"
            elif self._out_of_time(validation_seconds):
                stopped_by = "max_seconds"
            due = (
                progress.step % limits.validate_every == 0
                if limits.validate_every_seconds is None
                else progress.seconds - progress.validated_at >= limits.validate_every_seconds
            )
            if stopped_by is None and not due:
                if progress.step % FINITE_CHECK == 0:
                    self._require_finite(loss_sum)
                if progress.seconds - last_pause >= pause_every:
                    self._require_finite(loss_sum)  # nothing broken is ever saved
                    progress.loss_sum = float(loss_sum)
                    on_pause()
                    last_pause = progress.seconds
                    trained_until = self.clock()
                continue
            self._require_finite(loss_sum)  # waits for the device: what it had still to do is training
            self.model.eval()
            started = self.clock()
            progress.training_seconds += started - trained_until
            metric = validate()
            validation_seconds = self.clock() - started
            self.model.train()
            progress.validated_at = progress.seconds = self.clock() - began
            loss = float(loss_sum) / progress.loss_steps
            point = CurvePoint(progress.step, progress.seconds, loss, metric)
            progress.curve.append(point)
            loss_sum = torch.zeros_like(loss_sum)
            progress.loss_sum, progress.loss_steps = 0.0, 0
            if self.early_stopping.observe(metric):
                self.best.keep(self.model)
            if self.early_stopping.halve_now():
                self.optimizer.learning_rate /= 2
            if stopped_by is None and self.early_stopping.stop:
                stopped_by = "patience"
            if stopped_by is None and self._out_of_time(validation_seconds):
                stopped_by = "max_seconds"  # one more step would need one more validation
            self.ending = stopped_by is not None
            on_validation(point)
            trained_until = self.clock()
        self.model.eval()
        self.best.restore(self.model)
        return TrainingOutcome(
            best_metric=self.early_stopping.best,
            curve=tuple(progress.curve),
            steps=progress.step,
            queries=progress.queries,
            seconds=progress.seconds,
            training_seconds=progress.training_seconds,
            stopped_by=stopped_by,
        )

    def _out_of_time(self, validation_seconds: float) -> bool:
        """Whether another validation, and the work after it, would just fit into the time or no longer."""
        limits = self.limits
        still_to_do = validation_seconds * (1 + limits.final_validations)
        return limits.max_seconds is not None and self.progress.seconds + still_to_do >= limits.max_seconds

    def _finished(self) -> StopReason | None:
        """Whether a training that goes on from a checkpoint has reached a limit before its first step."""
        if self.progress.step >= self.limits.max_steps:
            return "max_steps"
        return "patience" if self.early_stopping.stop else None

    def train_batch(self, batch: torch.Tensor) -> torch.Tensor:
        """One optimiser step on positions (b,) of the training queries, as `batches.next()` gives them.

        Returns:
            The loss as a scalar on the device: reading it waits for the device, so `run` seldom does.
        """
        for layer in self.layers.values():
            layer.grad = None
        self.optimizer.begin_step()  # first, because a step may move rows while it makes their gradient
        gradient = self.step(batch)
        with torch.no_grad():
            rows, values = gradient.entities
            self.optimizer.update("entities", self.model.entities, values, rows)
            rows, values = gradient.relations
            self.optimizer.update("relations", self.model.relations, values, rows)
            for name, layer in self.layers.items():
                if layer.grad is not None:
                    self.optimizer.update(name, layer, layer.grad, None)
        return gradient.loss

    def _require_finite(self, loss_sum: torch.Tensor) -> None:
        if not torch.isfinite(loss_sum):
            raise Diverged(
                f"the loss is {float(loss_sum)} by step {self.progress.step}; "
                "a smaller learning rate or a larger regularizer.weight would keep it finite"
            )
