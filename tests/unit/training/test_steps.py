"""Dropout on rows; the gradients themselves are held to autograd in tests/contract/test_gradients.py."""

from __future__ import annotations

import pytest
import torch

from kgtuner.training.steps import drop


def test_dropout_sets_its_share_to_zero_and_keeps_the_mean() -> None:
    dropped = drop(torch.ones(200, 200), 0.2, torch.Generator().manual_seed(0))
    assert dropped.unique().tolist() == pytest.approx([0.0, 1.25])
    assert float((dropped == 0).float().mean()) == pytest.approx(0.2, abs=0.01)


def test_dropout_follows_its_generator() -> None:
    rows = torch.ones(4, 50)
    first, again, other = (drop(rows, 0.5, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_no_dropout_draws_nothing() -> None:
    generator = torch.Generator().manual_seed(0)
    before = generator.get_state()
    rows = torch.ones(2, 2)
    assert drop(rows, 0.0, generator) is rows
    assert torch.equal(generator.get_state(), before)


def test_dropped_coordinates_have_no_gradient() -> None:
    rows = torch.ones(10, 10, requires_grad=True)
    dropped = drop(rows, 0.5, torch.Generator().manual_seed(0))
    (gradient,) = torch.autograd.grad(dropped.sum(), rows)
    assert torch.equal(gradient, dropped.detach())
