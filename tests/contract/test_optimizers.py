"""Optimisers: the dense form is torch.optim's, the row-sparse form does what it promises beside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from kgtuner.errors import ConfigError
from kgtuner.training import optimizers
from kgtuner.training.optimizers import OPTIMIZERS
from kgtuner.training.row_gradient import TouchedRows

TORCH: dict[str, Callable[..., Any]] = {
    "adam": torch.optim.Adam,
    "adagrad": torch.optim.Adagrad,
    "sgd": torch.optim.SGD,
}
STEPS = 20
ROWS, WIDTH = 7, 3


def start() -> Tensor:
    return torch.randn(ROWS, WIDTH, dtype=torch.double, generator=torch.Generator().manual_seed(0))


def gradients(sparse: bool) -> list[tuple[Tensor, Tensor]]:
    """For each step the rows that are touched and their gradients; the last row never is."""
    generator = torch.Generator().manual_seed(1)
    steps = []
    for _ in range(STEPS):
        rows = torch.randperm(ROWS - 1, generator=generator)[:3] if sparse else torch.arange(ROWS)
        values = torch.randn(len(rows), WIDTH, dtype=torch.double, generator=generator)
        steps.append((rows, values))
    return steps


def in_full(rows: Tensor, values: Tensor) -> Tensor:
    return torch.zeros(ROWS, WIDTH, dtype=torch.double).index_copy_(0, rows, values)


def ours(name: str, steps: list[tuple[Tensor, Tensor]], *, dense: bool, rate: float = 0.05) -> Tensor:
    table = start()
    optimizer = OPTIMIZERS[name](learning_rate=rate)
    optimizer.register({"table": table})
    for rows, values in steps:
        optimizer.begin_step()
        if dense:
            optimizer.update("table", table, in_full(rows, values), None)
        else:
            optimizer.update("table", table, values, rows)
    return table


def theirs(make: Callable[..., Any], steps: list[tuple[Tensor, Tensor]], *, sparse: bool) -> Tensor:
    table = torch.nn.Parameter(start())
    optimizer = make([table], lr=0.05)
    for rows, values in steps:
        table.grad = (
            torch.sparse_coo_tensor(rows[None], values, (ROWS, WIDTH), check_invariants=True)
            if sparse
            else in_full(rows, values)
        )
        optimizer.step()
    return table.detach()


def test_every_optimizer_is_compared() -> None:
    assert set(OPTIMIZERS) == set(TORCH)


@pytest.mark.parametrize("sparse", [False, True], ids=["every-row", "some-rows"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_dense_form_is_that_of_torch(name: str, sparse: bool) -> None:
    steps = gradients(sparse)
    torch.testing.assert_close(
        ours(name, steps, dense=True), theirs(TORCH[name], steps, sparse=False), rtol=1e-9, atol=1e-12
    )


@pytest.mark.parametrize("name", ["adagrad", "sgd"])
def test_sparse_form_is_the_dense_form(name: str) -> None:
    steps = gradients(sparse=True)
    torch.testing.assert_close(
        ours(name, steps, dense=False), ours(name, steps, dense=True), rtol=1e-12, atol=1e-14
    )


def test_sparse_adam_is_the_lazy_adam_of_torch() -> None:
    steps = gradients(sparse=True)
    # Torch adds epsilon before it corrects for the start, we after: a difference of about 1e-7.
    torch.testing.assert_close(
        ours("adam", steps, dense=False),
        theirs(torch.optim.SparseAdam, steps, sparse=True),
        rtol=1e-5,
        atol=1e-6,
    )
    assert not torch.allclose(ours("adam", steps, dense=False), ours("adam", steps, dense=True), atol=1e-3)


@pytest.mark.parametrize("dense", [True, False])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_moving_few_rows_at_a_time_changes_nothing(
    name: str, dense: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = gradients(sparse=True)
    whole = ours(name, steps, dense=dense)
    monkeypatch.setattr(optimizers, "BLOCK_NUMBERS", 2 * WIDTH)
    torch.testing.assert_close(ours(name, steps, dense=dense), whole, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_sums_that_are_made_block_by_block_move_a_table_like_one_gradient(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids, terms = torch.tensor([4, 1, 4, 0]), torch.arange(4.0 * WIDTH, dtype=torch.double).view(4, WIDTH)
    monkeypatch.setattr(optimizers, "BLOCK_NUMBERS", 2 * WIDTH)
    optimizer, table = OPTIMIZERS[name](learning_rate=0.1), start()
    optimizer.register({"table": table})
    optimizer.begin_step()
    optimizer.update("table", table, TouchedRows(ids, ROWS).sums(terms), None)
    full = torch.zeros(ROWS, WIDTH, dtype=torch.double).index_add_(0, ids, terms)
    torch.testing.assert_close(table, ours(name, [(torch.arange(ROWS), full)], dense=True, rate=0.1))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_gradient_may_lie_transposed_in_memory(name: str) -> None:
    gradient = torch.randn(WIDTH, ROWS, dtype=torch.double, generator=torch.Generator().manual_seed(5)).T
    tables = []
    for values in (gradient, gradient.contiguous()):
        optimizer, table = OPTIMIZERS[name](learning_rate=0.1), start()
        optimizer.register({"table": table})
        optimizer.begin_step()
        optimizer.update("table", table, values, None)
        tables.append(table)
    assert torch.equal(*tables)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_row_without_gradient_stays_where_it_is(name: str) -> None:
    moved = ours(name, gradients(sparse=True), dense=False)
    assert torch.equal(moved[-1], start()[-1])
    assert (moved[:-1] != start()[:-1]).all()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_learning_rate_can_change_between_steps(name: str) -> None:
    table = start()
    optimizer = OPTIMIZERS[name](learning_rate=0.5)
    optimizer.register({"table": table})
    optimizer.learning_rate = 1e-9
    optimizer.begin_step()
    optimizer.update("table", table, torch.ones_like(table), None)
    assert (table - start()).abs().max() < 1e-8


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_tables_have_states_of_their_own(name: str) -> None:
    a, b = start(), start()
    optimizer = OPTIMIZERS[name](learning_rate=0.1)
    optimizer.register({"a": a, "b": b})
    for gradient in (torch.ones_like(a), 3 * torch.ones_like(a)):
        optimizer.begin_step()
        optimizer.update("a", a, gradient, None)
    alone = start()
    other = OPTIMIZERS[name](learning_rate=0.1)
    other.register({"a": alone})
    for gradient in (torch.ones_like(a), 3 * torch.ones_like(a)):
        other.begin_step()
        other.update("a", alone, gradient, None)
    assert torch.equal(a, alone)
    assert torch.equal(b, start())


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_bad_option_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=r"optimizer.learning_rate must be above 0, got 0"):
        OPTIMIZERS[name](learning_rate=0.0)
    with pytest.raises(ConfigError, match="must be one of auto, sparse, dense, got 'lazy'"):
        OPTIMIZERS[name](row_updates="lazy")
