"""What the search on a graph is told to leave out."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from kgtuner.domains import Choices
from kgtuner.space.loading import load_space
from kgtuner.tuning.two_stage import _without_too_many_negatives


@pytest.mark.parametrize(
    ("entities", "left"),
    [(14, (32,)), (128, (32, 128)), (2_047, (32, 128, 512)), (5_000, (32, 128, 512, 2048))],
)
def test_no_more_negatives_are_tried_than_there_are_entities(entities: int, left: Sequence[int]) -> None:
    space = _without_too_many_negatives(load_space("broad", ["rotate"]), entities, frozenset())
    domain = space.by_name["negatives.num_negatives"].domain
    assert isinstance(domain, Choices)
    assert domain.values == left


def test_numbers_of_negatives_that_the_user_named_stay() -> None:
    space = load_space("broad", ["rotate"])
    assert _without_too_many_negatives(space, 14, frozenset({"negatives.num_negatives"})) is space
