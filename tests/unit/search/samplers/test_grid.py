"""kgtuner.search.samplers.grid."""

from __future__ import annotations

import numpy as np
import pytest

from kgtuner.domains import Choices, Float
from kgtuner.search.proposals import Observations
from kgtuner.search.samplers.grid import GridSampler
from kgtuner.space import Parameter, Space


def test_levels_are_the_ends_and_the_middle_in_log_scale_where_ratios_matter() -> None:
    space = Space(
        [
            Parameter("rate", Float(1e-4, 1.0, log=True)),
            Parameter("dropout", Float(0.0, 0.5)),
            Parameter("batch", Choices((64, 128), ordered=True)),
        ]
    )
    sampler, seen = GridSampler(space, seed=0), Observations.of(space, [], [])
    for number in range(18):
        row = sampler.row(space, seen, number)
        seen += Observations.of(space, [space.codes.assignment(row)], [0.0])
    assert np.unique(seen.codes[:, 0]) == pytest.approx([1e-4, 1e-2, 1.0])
    assert np.unique(seen.codes[:, 1]) == pytest.approx([0.0, 0.25, 0.5])
    assert len(np.unique(seen.codes, axis=0)) == 18  # the whole grid
    beyond = sampler.row(space, seen, 18)
    assert not (beyond == seen.codes).all(1).any()
