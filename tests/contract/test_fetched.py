"""A gradient computed from fetched rows trains as one computed where the tables are.

On a CPU both are the same memory, so this proves ids, rows and states, and nothing about the ways to a GPU and back:
those are in tests/gpu.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from kgtuner import kernels
from kgtuner.graph.known_answers import KnownAnswers
from kgtuner.losses import LOSSES
from kgtuner.models import MODELS, Model
from kgtuner.negatives import NEGATIVES
from kgtuner.regularizers import REGULARIZERS
from kgtuner.training.best import BestParameters
from kgtuner.training.early_stopping import EarlyStopping
from kgtuner.training.fetched_gradient import FetchedGradient
from kgtuner.training.negative_sampling import NegativeSamplingStep
from kgtuner.training.optimizers import OPTIMIZERS
from kgtuner.training.queries import Batches, TrainingQueries
from kgtuner.training.trainer import Limits, Trainer

CPU = torch.device("cpu")
N, R, STEPS, BATCH = 60, 3, 4, 12
TRIPLES = np.unique(np.random.default_rng(0).integers([N, R, N], size=(90, 3)), axis=0)
KNOWN = KnownAnswers.of(TRIPLES, N, R)
VARIANTS: list[tuple[str, dict[str, Any]]] = [
    *((name, {}) for name in MODELS),
    ("transe", {"norm": 2}),
    ("conve", {"entity_bias": True}),
    ("tucker", {"query_norm": False}),
]


def made(name: str, options: dict[str, Any]) -> Model:
    options = {"filters": 2, **options} if name == "conve" else options
    model = MODELS[name](N, R, 8, initializer="normal", initializer_scale=0.6, **options).double()
    model.initialize(torch.Generator().manual_seed(2))
    return model.train()


def trainer_of(
    model: Model, optimizer: str, negatives: str, fetch_to: torch.device | None, **options: Any
) -> Trainer:
    generator = torch.Generator().manual_seed(1)
    mover = OPTIMIZERS[optimizer](learning_rate=0.05)
    step = NegativeSamplingStep(
        model,
        LOSSES["bce_adversarial"](),
        REGULARIZERS["dura"](weight=0.1),
        NEGATIVES[negatives](num_negatives=6),
        TrainingQueries.of(TRIPLES, KNOWN, N, R, frequency_weights=True, device=CPU),
        generator,
        dense=False,
        optimizer=mover,
        fetch_to=fetch_to,
        **options,
    )
    batches = Batches(step.n, BATCH, generator)
    limits = Limits(max_steps=STEPS, validate_every=STEPS)
    return Trainer(model, step, mover, batches, EarlyStopping(5), limits, BestParameters(model))


def trained(trainer: Trainer) -> list[Tensor]:
    """The losses of some steps, the parameters after them, and what a normalisation has counted."""
    losses = torch.stack([trainer.train_batch(trainer.batches.next()) for _ in range(STEPS)])
    model = trainer.model
    layers = [] if type(model).__name__ == "ConvE" else model.layers()  # its biases move by rounding alone
    return [losses, model.entities.detach(), model.relations.detach(), *layers, *model.buffers()]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize(("name", "options"), VARIANTS)
def test_training_is_the_same_with_fetched_rows(name: str, options: dict[str, Any], optimizer: str) -> None:
    normalises = any("norm" in buffer for buffer, _ in made(name, options).named_buffers())
    has_kernel = kernels.installed() and (MODELS[name].DOT_PRODUCT or MODELS[name].DISTANCE)
    for negatives, at_once, compiled in product(
        NEGATIVES, (None,) if normalises else (None, 5), (False, True) if has_kernel else (False,)
    ):
        start = made(name, options).entities.clone()
        there, here = (
            trained(
                trainer_of(made(name, options), optimizer, negatives, to, at_once=at_once, compiled=compiled)
            )
            for to in (CPU, None)
        )
        for fetched, plain in zip(there, here, strict=True):
            torch.testing.assert_close(
                fetched, plain, rtol=1e-8, atol=1e-10, msg=f"{negatives}, {at_once}, {compiled=}"
            )
        assert not torch.equal(there[1], start)


@pytest.mark.parametrize("name", ["complex", "conve", "rotate"])
def test_the_device_holds_rows_of_one_batch_only(name: str) -> None:
    trainer = trainer_of(made(name, {}), "adagrad", "shared", CPU)
    gradient = trainer.step.gradient  # type: ignore[union-attr]
    assert isinstance(gradient, FetchedGradient)
    assert len(gradient.part.entities) == 0
    trained(trainer)
    assert len(gradient.part.entities) <= 2 * BATCH + 6 < N
    shared = {p.data_ptr() for p in gradient.part.parameters()} & {
        p.data_ptr() for p in trainer.model.parameters()
    }
    assert not shared


@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_only_dropout_asks_the_generator_of_the_host(dropout: float) -> None:
    trainer = trainer_of(made("complex", {"dropout": dropout}), "sgd", "shared", CPU)
    gradient, asked = trainer.step.gradient, trainer.step._asked  # type: ignore[union-attr]
    batch, drawn = torch.arange(BATCH), torch.arange(6)
    question = asked(batch, drawn, None, torch.full((BATCH,), 1 / BATCH, dtype=torch.double))
    found = []
    for seed in (1, 2, 1):
        trainer.batches.generator.manual_seed(seed)
        found.append(gradient(question).entities[1][:].clone())
    assert torch.equal(found[0], found[2])
    assert torch.equal(found[0], found[1]) == (dropout == 0)


def test_what_was_loaded_since_is_what_the_next_step_fetches() -> None:
    """A checkpoint puts other parameters into the model; no copy on the device may outlive that."""
    trainers = [trainer_of(made("tucker", {}), "sgd", "independent", to) for to in (CPU, None)]
    other = made("tucker", {})
    other.initialize(torch.Generator().manual_seed(9))
    ends = []
    for trainer in trainers:
        trained(trainer)
        trainer.model.load_state_dict(other.state_dict())
        ends.append(trained(trainer))
    for fetched, plain in zip(*ends, strict=True):
        torch.testing.assert_close(fetched, plain, rtol=1e-8, atol=1e-10)
