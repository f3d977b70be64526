from __future__ import annotations

import pytest
import torch
from torch import Tensor

from kgtuner.prediction.top_k import BLOCK, best_columns, stable_top_k


def sorted_whole(scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The definition: everything sorted, equal scores in the order of their columns."""
    values, columns = scores.sort(dim=1, descending=True, stable=True)
    return values[:, :k], columns[:, :k]


@pytest.mark.parametrize("k", [1, 3, 10])
@pytest.mark.parametrize("levels", [1, 2, 5, 1000])
def test_the_first_look_at_blocks_changes_nothing_even_where_most_scores_are_equal(
    k: int, levels: int
) -> None:
    rng = torch.Generator().manual_seed(levels)
    scores = torch.randint(0, levels, (40, 30 * BLOCK), generator=rng).float()
    assert scores.shape[1] // BLOCK > 2 * k  # the blocks are looked at
    for found, expected in zip(best_columns(scores, k), sorted_whole(scores, k), strict=True):
        assert torch.equal(found, expected)


def test_rows_with_hardly_an_open_answer_are_exact_too() -> None:
    scores = torch.full((2, 30 * BLOCK), -torch.inf)
    scores[0, 700] = 1.0
    scores[0, [5, 1900]] = 0.5
    values, columns = best_columns(scores, 4)
    assert values[0, :3].tolist() == [1.0, 0.5, 0.5]
    assert columns[0, :3].tolist() == [700, 5, 1900]
    assert torch.isneginf(values[0, 3])
    assert torch.isneginf(values[1]).all()


@pytest.mark.parametrize("k", [1, 4, 6, 9])
def test_equal_scores_keep_the_order_of_their_columns(k: int) -> None:
    scores = torch.tensor([[1.0, 3.0, 3.0, 0.0, 3.0, 1.0], [2.0, 2.0, 2.0, 2.0, 2.0, 2.0]])
    values, columns = stable_top_k(scores, k)
    assert columns.tolist() == [[1, 2, 4, 0, 5, 3][:k], [0, 1, 2, 3, 4, 5][:k]]
    assert torch.equal(values, scores.gather(1, columns))
