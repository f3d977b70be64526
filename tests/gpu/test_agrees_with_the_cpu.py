"""A CUDA device computes what the CPU computes: steps, ranks, and training from a checkpoint of the other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from kgtuner.config import TrialConfig
from kgtuner.evaluation.ranks import rank_triples
from kgtuner.experiment import run
from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.models import MODELS
from kgtuner.training.optimizers import OPTIMIZERS
from kgtuner.training.trainer import Trainer
from kgtuner.types import SPLITS

pytestmark = pytest.mark.gpu

CPU = torch.device("cpu")
CASES = [
    (model, mode, negatives)
    for model in MODELS
    for mode, negatives in (
        ("negative_sampling", "shared"),
        ("negative_sampling", "independent"),
        ("one_vs_all", "shared"),
        ("k_vs_all", "shared"),
    )
    if mode == "negative_sampling" or MODELS[model].ALL_ENTITIES
]


@pytest.mark.parametrize("negatives", ["shared", "independent"])
@pytest.mark.parametrize("model", MODELS)
def test_steps_with_tables_on_the_host_move_the_parameters_as_on_the_cpu(
    cuda: torch.device, trainer: Callable[..., Trainer], model: str, negatives: str
) -> None:
    changes = {"training.tables_on": "host", "optimizer.row_updates": "sparse"}
    here = trainer(CPU, model, "negative_sampling", negatives, **changes)
    there = trainer(cuda, model, "negative_sampling", negatives, **changes)
    there.step.negatives.device = CPU  # type: ignore[union-attr]
    for _ in range(3):
        batch = here.batches.next()
        torch.testing.assert_close(there.train_batch(batch), here.train_batch(batch), rtol=1e-4, atol=1e-5)
    part = there.step.gradient.part  # type: ignore[union-attr]
    assert {p.device.type for p in part.parameters()} == {"cuda"}
    for name, value in there.model.state_dict().items():
        assert value.device == CPU
        torch.testing.assert_close(value, here.model.state_dict()[name], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("model", "mode", "negatives"), CASES)
def test_three_steps_move_the_parameters_as_on_the_cpu(
    cuda: torch.device, trainer: Callable[..., Trainer], model: str, mode: str, negatives: str
) -> None:
    here, there = trainer(CPU, model, mode, negatives), trainer(cuda, model, mode, negatives)
    start = {name: value.clone() for name, value in here.model.state_dict().items()}
    for _ in range(3):
        batch = here.batches.next()
        torch.testing.assert_close(
            there.train_batch(batch.to(cuda)).cpu(), here.train_batch(batch), rtol=1e-4, atol=1e-5
        )
    moved = 0
    for name, value in there.model.state_dict().items():
        expected = here.model.state_dict()[name]
        moved += not torch.equal(start[name], expected)
        torch.testing.assert_close(value.cpu(), expected, rtol=1e-4, atol=1e-5)
    assert moved


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("sparse", [True, False])
def test_an_optimizer_moves_rows_as_on_the_cpu(cuda: torch.device, name: str, sparse: bool) -> None:
    rng = torch.Generator().manual_seed(0)
    table = torch.randn(6, 3, generator=rng)
    rows = torch.tensor([0, 2, 5]) if sparse else None
    gradients = [torch.randn(3 if sparse else 6, 3, generator=rng) for _ in range(3)]
    tables = {device: table.clone().to(device) for device in (CPU, cuda)}
    for device, own in tables.items():
        optimizer = OPTIMIZERS[name](learning_rate=0.1)
        optimizer.register({"entities": own})
        for gradient in gradients:
            optimizer.begin_step()
            optimizer.update("entities", own, gradient.to(device), None if rows is None else rows.to(device))
    assert not torch.equal(tables[CPU], table)
    torch.testing.assert_close(tables[cuda].cpu(), tables[CPU])


@pytest.mark.parametrize("model", MODELS)
def test_ranks_are_those_of_the_cpu(
    cuda: torch.device, trainer: Callable[..., Trainer], graph: KnowledgeGraph, model: str
) -> None:
    # In double precision no two scores of random rows are so near that rounding could swap them.
    ranked = {}
    for device in (CPU, cuda):
        made = trainer(device, model, "negative_sampling").model.double().eval()
        tail, head = rank_triples(made, graph.valid, graph.known_answers(SPLITS), graph.n_relations)
        ranked[device] = np.concatenate([tail.rank, head.rank])
    assert len(set(ranked[CPU].tolist())) > 5
    np.testing.assert_array_equal(ranked[cuda], ranked[CPU])


@pytest.mark.parametrize(("first", "second"), [("cpu", "cuda"), ("cuda", "cpu")])
def test_a_training_goes_on_from_a_checkpoint_of_the_other_device(
    cuda: torch.device, graph: KnowledgeGraph, tmp_path: Path, first: str, second: str
) -> None:
    config = TrialConfig.from_flat(
        {
            "model.name": "complex",
            "model.dimension": 8,
            "loss.name": "bce_mean",
            "optimizer.name": "adagrad",
            "optimizer.learning_rate": 0.1,
            "training.batch_size": 32,
            "training.max_steps": 20,
            "training.validate_every": 10,
            "training.patience": 100,
        }
    )
    place = tmp_path / "checkpoint.safetensors"
    before = run(config, graph, device=first, checkpoint=place)
    after = run(config.limited(max_steps=40), graph, device=second, checkpoint=place)
    assert after.model.entities.device.type == second
    assert [(p.step, p.metric) for p in after.curve[:2]] == [(p.step, p.metric) for p in before.curve]
    assert [p.step for p in after.curve] == [10, 20, 30, 40]


def test_a_training_repeats_itself_on_the_device(cuda: torch.device, graph: KnowledgeGraph) -> None:
    config = TrialConfig.from_flat(
        {
            "model.name": "complex",
            "model.dimension": 8,
            "loss.name": "cross_entropy",
            "optimizer.name": "adagrad",
            "optimizer.learning_rate": 0.1,
            "training.batch_size": 32,
            "training.max_steps": 20,
            "training.validate_every": 10,
        }
    )
    first, second = (run(config, graph, device="cuda") for _ in range(2))
    # Sums on a CUDA device may come in another order, so to rounding and not to the bit.
    torch.testing.assert_close(first.model.entities, second.model.entities, rtol=1e-3, atol=1e-4)
