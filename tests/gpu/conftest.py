"""Tests of what a CUDA device does differently. They need one; nobody has run them on one yet.

    python -m pytest -m gpu tests/gpu

Elsewhere those marked `gpu` are skipped, with the reason, unless `-m "not gpu"` leaves them out. What can be found out
about CUDA on a CPU alone is not marked and runs everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from kgtuner.config import TrialConfig
from kgtuner.experiment import prepare
from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.negatives import NegativeSampler
from kgtuner.training.trainer import Trainer

N_ENTITIES, N_RELATIONS = 40, 4


class Given(NegativeSampler):
    """The same negatives on every device, drawn on the CPU: each device's own generator draws others."""

    def __init__(self, *, shared: bool, device: torch.device, seed: int = 0, **options: Any) -> None:
        super().__init__(**options)
        self.shared = shared
        self.device = device
        self._generator = torch.Generator().manual_seed(seed)

    def draw(self, n_queries: int, n_entities: int, generator: torch.Generator) -> Tensor:
        shape = (self.num_negatives,) if self.shared else (n_queries, self.num_negatives)
        return torch.randint(n_entities, shape, generator=self._generator).to(self.device)


@pytest.fixture
def cuda() -> Iterator[torch.device]:
    """The CUDA device, with its matmuls and convolutions in full float32, so that it can be compared with a CPU."""
    if not torch.cuda.is_available():
        pytest.skip("this machine has no usable CUDA device; nothing about CUDA was tested")
    before = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    yield torch.device("cuda")
    torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = before


@pytest.fixture(scope="session")
def graph() -> KnowledgeGraph:
    """Two hundred random triples on forty entities, thirty of them to validate on."""
    rng = np.random.default_rng(0)
    triples = rng.integers([N_ENTITIES, N_RELATIONS, N_ENTITIES], size=(400, 3))
    triples = np.unique(triples[triples[:, 0] != triples[:, 2]], axis=0)
    rng.shuffle(triples)
    return KnowledgeGraph.from_arrays(triples[:200], triples[200:230], triples[230:240])


@pytest.fixture
def trainer(graph: KnowledgeGraph) -> Callable[..., Trainer]:
    """Makes a trainer on a device: same start values, batches and negatives on all of them.

    The optimiser is plain gradient descent: Adagrad's and Adam's first steps have the size of the learning rate
    however small the gradient, so they would turn a difference in rounding into one of the whole step.
    """

    def make(
        device: torch.device, model: str, mode: str, negatives: str = "shared", **changes: Any
    ) -> Trainer:
        config = TrialConfig.from_flat(
            {
                "model.name": model,
                "model.dimension": 16,
                "model.initializer": "normal",
                "model.initializer_scale": 0.5,
                "loss.name": "bce_mean",
                "negatives.name": negatives,
                "negatives.num_negatives": 8,
                "optimizer.name": "sgd",
                "optimizer.learning_rate": 0.1,
                "training.mode": mode,
                "training.batch_size": 32,
                "training.precision": "fp32",
            }
        ).updated(changes)
        made, _ = prepare(config, graph, seed=0, device=device)
        if mode == "negative_sampling":
            given = Given(shared=negatives == "shared", device=device, num_negatives=8)
            made.step.negatives = given  # type: ignore[union-attr]
        made.model.train()
        return made

    return make
