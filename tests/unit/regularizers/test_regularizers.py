"""Each regulariser by hand, on rows of four numbers."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from kgtuner.errors import ConfigError
from kgtuner.regularizers import REGULARIZERS

H = torch.tensor([[3.0, 0.0, 4.0, -1.0]])
R = torch.tensor([[1.0, -2.0, 0.0, 0.0]])
T = torch.tensor([[0.0, 0.0, 0.0, 2.0]])
QUERY = torch.tensor([[1.0, 2.0, 3.0, 4.0]])


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("none", {}, 0),
        ("frobenius", {}, (9 + 16 + 1) + (1 + 4) + 4),
        ("nuclear", {}, (27 + 64 + 1) + (1 + 8) + 8),
        # Pairs (3, 4) and (0, -1): moduli 5 and 1; (1, 0) and (-2, 0); (0, 0) and (0, 2).
        ("nuclear", {"over": "complex"}, (125 + 1) + (1 + 8) + 8),
        ("dura", {}, (1 + 4 + 9 + 16) + 4),
    ],
)
def test_penalty_by_hand(name: str, options: dict[str, Any], expected: float) -> None:
    penalty = REGULARIZERS[name](**options).penalty(H, R, T, QUERY)
    assert penalty.tolist() == pytest.approx([expected])


def test_every_regularizer_has_a_number_for_each_triple() -> None:
    rows = torch.randn(4, 5, 6, generator=torch.Generator().manual_seed(0))
    for cls in REGULARIZERS.values():
        assert cls().penalty(*rows).shape == (5,)


def test_complex_nuclear_norm_has_a_gradient_at_zero() -> None:
    zero = torch.zeros(1, 4, requires_grad=True)
    REGULARIZERS["nuclear"](over="complex").penalty(zero, zero, zero, zero).sum().backward()
    assert zero.grad is not None
    assert zero.grad.tolist() == [[0.0] * 4]


def test_bad_option_is_refused() -> None:
    with pytest.raises(ConfigError, match="regularizer.weight must be at least 0, got -1"):
        REGULARIZERS["frobenius"](weight=-1.0)
    with pytest.raises(ConfigError, match="regularizer.weight must be at least 0, got nan"):
        REGULARIZERS["dura"](weight=float("nan"))
    with pytest.raises(ConfigError, match="regularizer.over must be real or complex, got 'complx'"):
        REGULARIZERS["nuclear"](over="complx")
