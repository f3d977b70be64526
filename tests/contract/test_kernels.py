"""Compiled kernels do what plain operators do: the same parameters after the same steps, the same scores and ranks."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
import torch

from kgtuner import kernels
from kgtuner.evaluation.ranks import rank_queries
from kgtuner.graph.known_answers import KnownAnswers
from kgtuner.losses import LOSSES
from kgtuner.models import MODELS, Model
from kgtuner.negatives import NEGATIVES
from kgtuner.regularizers import REGULARIZERS
from kgtuner.training.best import BestParameters
from kgtuner.training.early_stopping import EarlyStopping
from kgtuner.training.negative_sampling import NegativeSamplingStep
from kgtuner.training.optimizers import OPTIMIZERS, SGD
from kgtuner.training.queries import Batches, TrainingQueries
from kgtuner.training.trainer import Limits, Trainer

if kernels.installed():
    from kgtuner.training.compiled_rows import CompiledRows

pytestmark = pytest.mark.skipif(not kernels.installed(), reason="the kernels need numba")

N, R, STEPS, BATCH = 40, 3, 4, 24
TRIPLES = np.unique(np.random.default_rng(0).integers([N, R, N], size=(90, 3)), axis=0)
KNOWN = KnownAnswers.of(TRIPLES, N, R)
VARIANTS: list[tuple[str, dict[str, Any]]] = [*((name, {}) for name in MODELS), ("transe", {"norm": 2})]


class NoKernel(SGD):
    """An optimiser as somebody adds one."""

    KERNEL = None


def made(name: str, options: dict[str, Any], dtype: torch.dtype = torch.double) -> Model:
    options = {"filters": 2, **options} if name == "conve" else options
    model = MODELS[name](N, R, 8, initializer="normal", initializer_scale=0.6, **options).to(dtype)
    model.initialize(torch.Generator().manual_seed(2))
    return model


def trained(
    name: str,
    options: dict[str, Any],
    loss: str,
    negatives: str,
    optimizer: str,
    *,
    dense: bool,
    compiled: bool,
) -> list[torch.Tensor]:
    """The losses of a few steps of `BATCH` queries with 6 negatives, and both tables after them.

    Without the layers: ConvE's biases before a normalisation have gradients of rounding alone, of any sign.
    """
    torch.manual_seed(0)
    model, generator = made(name, options), torch.Generator().manual_seed(1)
    mover = (NoKernel if optimizer == "no kernel" else OPTIMIZERS[optimizer])(learning_rate=0.05)
    step = NegativeSamplingStep(
        model,
        LOSSES[loss](),
        REGULARIZERS["dura"](weight=0.1),
        NEGATIVES[negatives](num_negatives=6),
        TrainingQueries.of(TRIPLES, KNOWN, N, R, frequency_weights=True, device=torch.device("cpu")),
        generator,
        dense=dense,
        compiled=compiled,
        optimizer=mover,
    )
    limits = Limits(max_steps=STEPS, validate_every=STEPS)
    batches = Batches(step.n, BATCH, generator)
    trainer = Trainer(model, step, mover, batches, EarlyStopping(5), limits, BestParameters(model))
    model.train()
    losses = torch.stack([trainer.train_batch(batches.next()) for _ in range(STEPS)])
    return [losses, model.entities.detach(), model.relations.detach()]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(("name", "options"), VARIANTS)
def test_training_is_the_same_with_kernels_and_without(
    name: str, options: dict[str, Any], loss: str, optimizer: str
) -> None:
    for negatives, dense in product(NEGATIVES, (True, False)):
        ours, plain = (
            trained(name, options, loss, negatives, optimizer, dense=dense, compiled=compiled)
            for compiled in (True, False)
        )
        for mine, theirs in zip(ours, plain, strict=True):
            torch.testing.assert_close(mine, theirs, rtol=1e-7, atol=1e-9, msg=f"{negatives}, {dense=}")


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_training_with_kernels_repeats_itself_bit_for_bit(optimizer: str) -> None:
    first, again = (
        trained("rotate", {}, "bce_mean", "independent", optimizer, dense=False, compiled=True) for _ in "12"
    )
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))


@pytest.mark.parametrize("name", ["transe", "rotate"])
def test_an_optimizer_without_a_kernel_gets_room_for_every_row(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    slopes = CompiledRows.slopes

    def checked(rows: CompiledRows, *given: Any) -> Any:
        room, optimizer = given[-2:]
        assert isinstance(optimizer, NoKernel)
        assert len(room) >= len(rows)  # nothing else holds the kernel back from writing beyond it
        return slopes(rows, *given)

    monkeypatch.setattr(CompiledRows, "slopes", checked)
    monkeypatch.setattr(f"{__name__}.BATCH", 3)  # 6 rows of queries and answers, up to 18 of what is drawn
    for dense in (True, False):
        given = (name, {}, "bce_mean", "independent", "no kernel")
        ours, plain = (trained(*given, dense=dense, compiled=compiled) for compiled in (True, False))
        for mine, theirs in zip(ours, plain, strict=True):
            torch.testing.assert_close(mine, theirs, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["complex", "transe", "rotate"])
def test_broken_parameter_breaks_the_loss(name: str, bad: float) -> None:
    for compiled in (True, False):
        model, generator = made(name, {}), torch.Generator().manual_seed(1)
        with torch.no_grad():
            model.entities[:, 3] = bad
        step = NegativeSamplingStep(
            model,
            LOSSES["bce_mean"](),
            REGULARIZERS["none"](),
            NEGATIVES["independent"](num_negatives=6),
            TrainingQueries.of(TRIPLES, KNOWN, N, R, frequency_weights=False, device=torch.device("cpu")),
            generator,
            dense=True,
            compiled=compiled,
        )
        assert not torch.isfinite(step(torch.arange(9)).loss)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("count", [1, 3, 40])
@pytest.mark.parametrize(("name", "options"), [("transe", {}), ("transe", {"norm": 2}), ("rotate", {})])
def test_distances_of_all_entities_are_those_of_the_plain_blocks(
    name: str, options: dict[str, Any], count: int, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = MODELS[name](200, R, 6, initializer="normal", initializer_scale=0.6, **options).to(dtype)
    model.initialize(torch.Generator().manual_seed(3))
    query = model.entities[:count] + 0.25
    ours = model.score_candidates(query, model.entities)
    monkeypatch.setenv(kernels.VARIABLE, "off")
    plain = model.score_candidates(query, model.entities)
    torch.testing.assert_close(ours, plain)
    assert ours.dtype == dtype
    assert not torch.equal(ours, ours[:, :1].expand_as(ours))


@pytest.mark.parametrize("name", ["transe", "complex", "rotate"])
def test_ranks_are_those_of_the_plain_count(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = made(name, {}).eval()
    ours = rank_queries(model, *TRIPLES.T, KNOWN)
    monkeypatch.setenv(kernels.VARIABLE, "off")
    plain = rank_queries(model, *TRIPLES.T, KNOWN)
    assert ours.rank.tolist() == plain.rank.tolist()
    assert ours.candidates.tolist() == plain.candidates.tolist()
    assert len(set(ours.rank.tolist())) > 10
