"""The best parameters are a copy, in memory or, for large models, in a file."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError

from kgtuner.errors import RunError
from kgtuner.models import MODELS
from kgtuner.training import best, parameters
from kgtuner.training.best import BestParameters


@pytest.mark.parametrize("in_file", [False, True])
def test_what_was_kept_last_comes_back(
    in_file: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if in_file:
        monkeypatch.setattr(best, "IN_MEMORY_BYTES", 0)
    model = MODELS["conve"](5, 2, 8, filters=2)
    keeper = BestParameters(model, tmp_path)
    for seed in (0, 1):
        model.initialize(torch.Generator().manual_seed(seed))
        keeper.keep(model)
    kept = {name: value.clone() for name, value in model.state_dict().items()}
    model.initialize(torch.Generator().manual_seed(2))
    assert not torch.equal(model.entities, kept["entities"])
    keeper.restore(model)
    assert all(torch.equal(value, kept[name]) for name, value in model.state_dict().items())
    assert (tmp_path / "best.safetensors").exists() == in_file


def test_a_full_disk_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def save_file(*args: object, **options: object) -> None:
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(best, "IN_MEMORY_BYTES", 0)
    monkeypatch.setattr(parameters, "save_file", save_file)
    with pytest.raises(
        RunError, match=r"cannot write .*best\.safetensors: No space left on device; free some"
    ):
        BestParameters(MODELS["distmult"](5, 2, 8), tmp_path).keep(MODELS["distmult"](5, 2, 8))


def test_model_stays_as_it_is_when_nothing_was_kept() -> None:
    model = MODELS["distmult"](5, 2, 8)
    model.initialize(torch.Generator().manual_seed(0))
    before = model.entities.clone()
    keeper = BestParameters(model)
    assert keeper.tensors() == {}
    keeper.restore(model)
    assert torch.equal(model.entities, before)
