from __future__ import annotations

import pytest
import torch

from kgtuner.models.conve import ConvE
from kgtuner.models.distmult import DistMult
from kgtuner.prediction.neighbours import nearest


def test_near_is_what_points_in_the_same_direction() -> None:
    model = DistMult(5, 1, 2)
    model.entities.copy_(torch.tensor([[1.0, 0.0], [5.0, 5.0], [3.0, 0.0], [-1.0, 0.0], [0.0, 0.0]]))
    found = nearest(model, 0, 10)
    assert [i for i, _ in found] == [2, 1, 4, 3]
    assert [cosine for _, cosine in found] == pytest.approx([1, 0.5**0.5, 0, -1])


def test_equal_cosines_keep_the_order_of_the_graph() -> None:
    model = DistMult(4, 1, 1)
    model.entities.copy_(torch.tensor([[1.0], [2.0], [3.0], [4.0]]))
    assert [i for i, _ in nearest(model, 2, 2)] == [0, 1]


def test_the_bias_of_an_entity_is_no_direction() -> None:
    model = ConvE(3, 1, 4, entity_bias=True)
    model.entities.copy_(torch.tensor([[1.0, 0, 0, 0, 9], [1.0, 0, 0, 0, -9], [0.0, 1, 0, 0, 9]]))
    assert nearest(model, 0, 1) == [(1, 1.0)]
