"""kgtuner.space.encoding: configurations as points."""

from __future__ import annotations

import numpy as np

from kgtuner.domains import Choices, Float
from kgtuner.space import Condition, Encoder, Parameter, Space


def small_space() -> Space:
    return Space(
        [
            Parameter("loss", Choices(("ranking", "entropy"))),
            Parameter("margin", Float(1.0, 21.0), Condition({"loss": ("ranking",)})),
            Parameter("rate", Float(1e-4, 1.0, log=True)),
            Parameter("size", Choices((100, 1000, 10_000), ordered=True)),
        ]
    )


def test_numbers_are_scaled_in_their_own_scale_and_names_become_indicators() -> None:
    encoder = Encoder(small_space())
    assert encoder.names == ["loss=ranking", "loss=entropy", "margin", "rate", "size"]
    features = encoder.encode([{"loss": "ranking", "margin": 6.0, "rate": 1e-2, "size": 1000}])
    np.testing.assert_allclose(features, [[1, 0, 0.25, 0.5, 0.5]])


def test_an_inactive_number_lies_outside_the_range() -> None:
    features = Encoder(small_space()).encode([{"loss": "entropy", "rate": 1.0, "size": 100}])
    np.testing.assert_allclose(features, [[0, 1, -1, 1, 0]])
    features = Encoder(small_space(), inactive=0.5).encode([{"loss": "entropy", "rate": 1.0, "size": 100}])
    assert features[0, 2] == 0.5


def test_narrowing_does_not_move_a_point() -> None:
    point = [{"loss": "ranking", "margin": 6.0, "rate": 1e-2, "size": 1000}]
    narrow = small_space().narrowed({"loss": "ranking", "rate": [0.01, 0.1], "size": 1000})
    np.testing.assert_array_equal(Encoder(narrow).encode(point), Encoder(small_space()).encode(point))
