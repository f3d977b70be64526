from __future__ import annotations

import pytest
import torch

from kgtuner.errors import ConfigError
from kgtuner.training import precision
from kgtuner.training.precision import WORTH_FROM, low_precision

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("wish", "available", "entities", "expected"),
    [
        ("auto", True, WORTH_FROM, True),
        ("auto", True, WORTH_FROM - 1, False),
        ("auto", False, WORTH_FROM, False),
        ("fp32", True, WORTH_FROM, False),
        ("bf16", True, 10, True),
    ],
)
def test_bfloat16_is_used_where_it_is_there_and_pays(
    wish: precision.Precision, available: bool, entities: int, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    features = {"avx512_bf16": available, "avx2": True}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: features)
    assert low_precision(wish, CPU, entities) is expected


def test_bfloat16_on_a_processor_without_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True})
    with pytest.raises(ConfigError, match=r"precision bf16 needs .* 'cpu' does not have; use auto or fp32"):
        low_precision("bf16", CPU, 10)


def test_an_older_torch_that_cannot_tell_means_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    assert not low_precision("auto", CPU, 10**6)
