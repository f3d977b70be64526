"""torch.compile, where it is asked for, computes the same, and a training goes on without it where it fails."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._dynamo.exc import TorchDynamoException

from kgtuner.config import TrialConfig
from kgtuner.experiment import prepare
from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.losses import LOSSES
from kgtuner.models import MODELS
from kgtuner.training import torch_compiled
from kgtuner.training.torch_compiled import compiled_gradient, compiled_slope, falling_back

DISTANCES: list[tuple[str, dict[str, Any]]] = [("transe", {}), ("transe", {"norm": 2}), ("rotate", {})]


@pytest.fixture
def compiler() -> Iterator[None]:
    if not (shutil.which("g++") or shutil.which("clang++")):
        pytest.skip("torch.compile needs a C++ compiler, and there is none here")
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


@pytest.fixture
def never_falls_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test of what was compiled must not pass because nothing was."""
    monkeypatch.setattr(torch_compiled, "falling_back", lambda compiled, plain: compiled)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's own
@pytest.mark.usefixtures("compiler", "never_falls_back")
@pytest.mark.parametrize("name", LOSSES)
def test_a_compiled_loss_has_the_same_gradient(name: str) -> None:
    loss = LOSSES[name]()
    compiled = compiled_gradient(loss)
    generator = torch.Generator().manual_seed(0)
    for b in (6, 4):  # the last batch of a pass is smaller
        positive = torch.randn(b, generator=generator)
        negative = torch.randn(b, 5, generator=generator)
        weights = torch.full((b,), 1 / b)
        for valid in (None, torch.rand(b, 5, generator=generator) < 0.7):
            given = (positive.clone(), negative.clone(), valid, weights)
            for ours, plain in zip(compiled(*given), loss.sampled_gradient(*given), strict=True):
                torch.testing.assert_close(ours, plain, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's own
@pytest.mark.usefixtures("compiler", "never_falls_back")
@pytest.mark.parametrize(("name", "options"), DISTANCES)
def test_a_compiled_slope_is_the_same_and_overwrites_what_it_was_given(
    name: str, options: dict[str, Any]
) -> None:
    model = MODELS[name](3, 2, 8, **options)
    compiled = compiled_slope(model)
    for shape in ((6, 5, 8), (4, 8)):
        difference = torch.randn(*shape, generator=torch.Generator().manual_seed(1))
        ours, plain = difference.clone(), difference.clone()
        for mine, theirs in zip(compiled(ours), model.slope(plain), strict=True):
            torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-6)


def test_from_its_first_failure_on_the_plain_function_is_called_and_a_warning_says_so_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    tried: list[Tensor] = []

    def broken(value: Tensor) -> Tensor:
        tried.append(value)
        raise TorchDynamoException("No working C++ compiler found\nand more")

    function = falling_back(broken, torch.neg)
    assert [float(function(torch.tensor(x))) for x in (1.0, 2.0)] == [-1.0, -2.0]
    assert len(tried) == 1
    assert [record.message for record in caplog.records] == [
        "torch.compile failed, so the training goes on without: No working C++ compiler found"
    ]


def test_a_mistake_in_the_function_itself_is_not_hidden() -> None:
    def wrong(value: Tensor) -> Tensor:
        raise ValueError("shapes do not fit")

    with pytest.raises(ValueError, match="shapes do not fit"):
        falling_back(wrong, torch.neg)(torch.tensor(1.0))


@pytest.mark.parametrize("model", ["complex", "rotate"])
def test_a_training_asks_for_it_by_its_configuration(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def noted(function: Any) -> Any:
        asked.append(function.__name__)
        return function

    monkeypatch.setattr(torch, "compile", noted)
    graph = KnowledgeGraph.from_arrays([[0, 0, 1], [1, 0, 2], [2, 0, 0], [0, 0, 2]], [[1, 0, 0]], [[2, 0, 1]])
    config = TrialConfig.from_flat({"model.name": model, "model.dimension": 4, "loss.name": "bce_mean"})
    plain = prepare(config, graph)[0].train_batch(torch.arange(4))
    assert asked == []
    trainer, _ = prepare(config.limited(compile=True), graph)
    assert sorted(asked) == ["sampled", "slope"]
    torch.testing.assert_close(trainer.train_batch(torch.arange(4)), plain)
