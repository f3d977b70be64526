"""A step hands its work to the device and does not wait for it.

Some operators make the CPU wait for a CUDA device, because the size of their result depends on values there. Which of
them a step calls can be listed on a CPU.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from kgtuner.training.trainer import Trainer

ROWS = "aten::nonzero"
COUNTS = "aten::bincount"  # looks for the largest value
ANSWERS = "aten::repeat_interleave.Tensor"  # unless told the size of its result
BOOLEANS = "an index of booleans"
WAITING = {
    ROWS,
    COUNTS,
    ANSWERS,
    "aten::_local_scalar_dense",  # .item(), float(tensor), bool(tensor)
    "aten::masked_select",
    "aten::_unique2",
    "aten::unique_dim",
    "aten::unique_consecutive",
    "aten::equal",
}
CASES = {
    "shared": {"mode": "negative_sampling", "negatives": "shared"},
    "independent": {"mode": "negative_sampling", "negatives": "independent"},
    "1vsall": {"mode": "one_vs_all"},
    "kvsall": {"mode": "k_vs_all"},
}
KNOWN: dict[str, set[str]] = {
    # The rows that a step touched, and which negatives are true.
    "shared": {COUNTS, ROWS, ANSWERS, BOOLEANS},
    "independent": {COUNTS, ROWS, ANSWERS, BOOLEANS},
    # The right answers in a chunk of the batch.
    "1vsall": {COUNTS, ROWS, BOOLEANS},
    "kvsall": {COUNTS, ROWS, ANSWERS, BOOLEANS},
}
"""Operators that still wait. An empty set makes the test on the device count; nothing may be added."""


class Waits(TorchDispatchMode):
    """Notes the operators that would wait for a CUDA device."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def __torch_dispatch__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        name = function._schema.name
        name += f".{function._schema.overload_name}" if function._schema.overload_name else ""
        if name == ANSWERS and kwargs.get("output_size") is not None:
            name = "with a known size"
        if name in WAITING:
            self.found.add(name)
        if name.startswith(("aten::index.", "aten::index_put", "aten::_index_put")):
            indices = [index for index in args[1] if isinstance(index, Tensor)]
            if any(index.dtype == torch.bool for index in indices):
                self.found.add(BOOLEANS)
        return function(*args, **kwargs)


def waits_of(trainer: Trainer) -> set[str]:
    """The waiting operators of a step after the first, with its batch at hand."""
    trainer.train_batch(trainer.batches.next())
    batch = trainer.batches.next()
    with Waits() as waits:
        trainer.train_batch(batch)
    return waits.found


@pytest.mark.parametrize("case", CASES)
def test_a_step_waits_no_more_than_is_known(trainer: Callable[..., Trainer], case: str) -> None:
    found = waits_of(trainer(torch.device("cpu"), "complex", **CASES[case]))
    assert found <= KNOWN[case]


def test_the_list_would_see_an_operator_that_waits(trainer: Callable[..., Trainer]) -> None:
    made = trainer(torch.device("cpu"), "complex", mode="one_vs_all")
    step = made.step

    def looking(batch: Tensor) -> Any:
        gradient = step(batch)
        assert gradient.loss.item() > 0
        return gradient

    made.step = looking  # type: ignore[assignment]
    assert "aten::_local_scalar_dense" in waits_of(made)


@pytest.mark.gpu
@pytest.mark.parametrize("case", CASES)
def test_ten_steps_do_not_wait_for_the_device(
    cuda: torch.device, trainer: Callable[..., Trainer], request: pytest.FixtureRequest, case: str
) -> None:
    if KNOWN[case]:
        words = f"a step still waits: {', '.join(sorted(KNOWN[case]))}"
        request.applymarker(pytest.mark.xfail(reason=words, raises=RuntimeError, strict=False))
    made = trainer(cuda, "complex", **CASES[case])
    made.step.negatives = torch_sampler(CASES[case].get("negatives", "shared"))  # type: ignore[union-attr]
    batches = [made.batches.next() for _ in range(12)]
    for batch in batches[:2]:
        made.train_batch(batch)
    torch.cuda.set_sync_debug_mode("error")
    try:
        for batch in batches[2:]:
            made.train_batch(batch)
    finally:
        torch.cuda.set_sync_debug_mode("default")


def torch_sampler(name: str) -> Any:
    """The sampler of a real training, which draws on the device."""
    from kgtuner.negatives import NEGATIVES

    return NEGATIVES[name](num_negatives=8)
