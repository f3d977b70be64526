"""Uniform negatives: their shape, their spread, their seed."""

from __future__ import annotations

import pytest
import torch

from kgtuner.errors import ConfigError
from kgtuner.negatives import NEGATIVES


@pytest.mark.parametrize(("name", "shape"), [("independent", (3, 5)), ("shared", (5,))])
def test_shape_tells_whether_queries_share_their_negatives(name: str, shape: tuple[int, ...]) -> None:
    assert NEGATIVES[name](num_negatives=5).draw(3, 10, torch.Generator().manual_seed(0)).shape == shape


@pytest.mark.parametrize("name", NEGATIVES)
def test_every_entity_is_as_likely(name: str) -> None:
    drawn = NEGATIVES[name](num_negatives=70_000).draw(1, 7, torch.Generator().manual_seed(0))
    counts = torch.bincount(drawn.flatten(), minlength=7)
    # A count has mean 10,000 and standard deviation 93.
    assert counts.shape == (7,)
    assert (counts - 10_000).abs().max() < 5 * 93


@pytest.mark.parametrize("name", NEGATIVES)
def test_draws_follow_the_generator(name: str) -> None:
    first, again, other = (
        NEGATIVES[name]().draw(4, 1000, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("name", NEGATIVES)
def test_bad_option_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="whole number of at least 1, got 0"):
        NEGATIVES[name](num_negatives=0)
    with pytest.raises(ConfigError, match=r"whole number of at least 1, got 2\.5"):
        NEGATIVES[name](num_negatives=2.5)
    with pytest.raises(ConfigError, match="whole number of at least 1, got True"):
        NEGATIVES[name](num_negatives=True)
    with pytest.raises(ConfigError, match="negatives.filtered must be true or false, got 'yes'"):
        NEGATIVES[name](filtered="yes")
