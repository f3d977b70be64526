"""What a checkpoint brings back; that whole trainings go on to the same bits is in tests/unit/test_experiment.py."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest
import torch

from kgtuner.models import MODELS
from kgtuner.training.best import BestParameters
from kgtuner.training.checkpoint import load_checkpoint, save_checkpoint, trained_seconds
from kgtuner.training.early_stopping import EarlyStopping
from kgtuner.training.optimizers import OPTIMIZERS
from kgtuner.training.queries import Batches
from kgtuner.training.steps import Gradient
from kgtuner.training.trainer import CurvePoint, Limits, Trainer

METRICS = (
    0.1,
    0.5,
    0.4,
    0.4,
    0.4,
    0.4,
    0.4,
    0.4,
    0.4,
    0.4,
)  # two gains, and then the rate is halved every third time
IDENTITY = {"graph": "ring"}


class Killed(Exception):
    pass


def trainer() -> Trainer:
    model = MODELS["distmult"](2, 1, 2)
    with torch.no_grad():
        model.entities.zero_()
        model.relations.zero_()

    def step(batch: torch.Tensor) -> Gradient:
        return Gradient(torch.tensor(2.0), (None, -torch.ones(2, 2)), (None, torch.zeros(1, 2)))

    return Trainer(
        model,
        step,  # type: ignore[arg-type]
        OPTIMIZERS["sgd"](learning_rate=1.0),
        Batches(10, 4, torch.Generator().manual_seed(0)),
        EarlyStopping(patience=100, halve_after=3),
        Limits(max_steps=len(METRICS), validate_every=1),
        BestParameters(model),
        clock=lambda: 0.0,
    )


def run(made: Trainer, path: Path | None = None, kill_at: int | None = None) -> list[float]:
    """Train, saved after each validation; the learning rate after each of them."""
    rates: list[float] = []

    def on_validation(point: CurvePoint) -> None:
        rates.append(made.optimizer.learning_rate)
        if path is not None:
            save_checkpoint(path, made, IDENTITY)
        if point.step == kill_at:
            raise Killed

    made.run(lambda: METRICS[made.progress.step - 1], on_validation)
    return rates


@pytest.mark.parametrize("kill_at", range(1, len(METRICS)))
def test_halving_goes_on_where_it_stood(kill_at: int, tmp_path: Path) -> None:
    whole = trainer()
    rates = run(whole)
    assert rates == [1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25]
    path = tmp_path / "trial.safetensors"
    with pytest.raises(Killed):
        run(trainer(), path, kill_at)
    resumed = trainer()
    load_checkpoint(path, resumed, IDENTITY)
    assert resumed.optimizer.learning_rate == rates[kill_at - 1]
    assert run(resumed) == rates[kill_at:]
    assert asdict(resumed.early_stopping) == asdict(whole.early_stopping)
    assert asdict(resumed.progress) == asdict(whole.progress)
    assert torch.equal(resumed.model.entities, whole.model.entities)  # those after the second step
    assert float(resumed.model.entities[0, 0]) == 2


def test_seconds_behind_a_checkpoint_are_none_where_there_is_none_that_can_be_read(tmp_path: Path) -> None:
    made, path = trainer(), tmp_path / "trial.safetensors"
    made.progress.seconds = 12.5
    save_checkpoint(path, made, IDENTITY)
    assert trained_seconds(path) == 12.5
    path.write_bytes(path.read_bytes()[:20])
    assert trained_seconds(path) == trained_seconds(tmp_path / "none") == trained_seconds(None) == 0
