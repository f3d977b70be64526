"""The best parameters are a copy, in memory or, for large models, in a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import SafetensorError

import kgtuner as kt
from kgtuner.defaults import default_config
from kgtuner.errors import RunError
from kgtuner.experiment import run
from kgtuner.models import MODELS
from kgtuner.training import best, parameters
from kgtuner.training.best import BestParameters
from kgtuner.training.trainer import CurvePoint


@pytest.mark.parametrize("in_file", [False, True])
def test_what_was_kept_last_comes_back(
    in_file: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if in_file:
        monkeypatch.setattr(best, "IN_MEMORY_BYTES", 0)
    model = MODELS["conve"](5, 2, 8, filters=2)
    keeper = BestParameters(model, tmp_path / "one.best")
    for seed in (0, 1):
        model.initialize(torch.Generator().manual_seed(seed))
        keeper.keep(model)
    kept = {name: value.clone() for name, value in model.state_dict().items()}
    model.initialize(torch.Generator().manual_seed(2))
    assert not torch.equal(model.entities, kept["entities"])
    assert (tmp_path / "one.best").exists() == in_file
    keeper.restore(model)
    assert all(torch.equal(value, kept[name]) for name, value in model.state_dict().items())
    assert list(tmp_path.iterdir()) == []  # gigabytes that nobody needs any more


def test_large_trainings_side_by_side_keep_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(best, "IN_MEMORY_BYTES", 0)
    entity = np.arange(30)
    triples = np.concatenate([np.column_stack([entity, entity * 0, (entity + step) % 30]) for step in (1, 3)])
    graph = kt.KnowledgeGraph.from_arrays(triples, name="ring", seed=0, leaks="keep")
    config = default_config("distmult").updated({"model.dimension": 8})
    config = config.limited(max_steps=4, validate_every=1)
    alone = [run(config, graph, seed=seed).model.entities for seed in (0, 1)]

    def the_other(point: CurvePoint) -> None:
        if point.step == 4:  # the best of the first is in its file
            run(config, graph, seed=1, checkpoint=tmp_path / "checkpoint-1.safetensors")

    first = run(
        config, graph, seed=0, checkpoint=tmp_path / "checkpoint-0.safetensors", on_validation=the_other
    )
    assert torch.equal(first.model.entities, alone[0])
    assert not torch.equal(alone[0], alone[1])


def test_a_full_disk_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def save_file(*args: object, **options: object) -> None:
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(best, "IN_MEMORY_BYTES", 0)
    monkeypatch.setattr(parameters, "save_file", save_file)
    with pytest.raises(RunError, match=r"cannot write .*one\.best: No space left on device; free some"):
        BestParameters(MODELS["distmult"](5, 2, 8), tmp_path / "one.best").keep(MODELS["distmult"](5, 2, 8))


def test_model_stays_as_it_is_when_nothing_was_kept() -> None:
    model = MODELS["distmult"](5, 2, 8)
    model.initialize(torch.Generator().manual_seed(0))
    before = model.entities.clone()
    keeper = BestParameters(model)
    assert keeper.tensors() == {}
    keeper.restore(model)
    assert torch.equal(model.entities, before)
