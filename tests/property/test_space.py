"""Whatever is drawn, varied or mixed: what comes out of a space is valid, and survives translation."""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kgtuner.errors import ConfigError
from kgtuner.models import MODELS
from kgtuner.space import Encoder, load_space

seeds = st.integers(0, 2**32 - 1)
models = st.lists(st.sampled_from(list(MODELS)), min_size=1, max_size=3, unique=True)
presets = st.sampled_from(["full", "reduced"])


@settings(max_examples=25, deadline=None)
@given(preset=presets, names=models, seed=seeds, all_entities=st.booleans())
def test_drawn_mutated_crossed_and_repaired_rows_are_valid(
    preset: str, names: list[str], seed: int, all_entities: bool
) -> None:
    space = load_space(preset, names, all_entities=all_entities)
    rng = np.random.default_rng(seed)
    drawn = space.codes.sample(50, rng)
    mutated = space.codes.mutated(drawn, rng)
    crossed = space.codes.crossed(drawn, mutated[::-1], rng)
    torn = np.where(rng.random(drawn.shape) < 0.3, np.nan, crossed)
    for rows in (drawn, mutated, crossed, space.codes.repair(torn, rng)):
        assert space.codes.valid(rows).all()
        for row in rows[:5]:
            space.validate(space.codes.assignment(row))
        assert np.isfinite(Encoder(space).features(rows)).all()


@settings(max_examples=25, deadline=None)
@given(preset=presets, names=models, seed=seeds)
def test_a_configuration_survives_the_way_to_codes_and_back(preset: str, names: list[str], seed: int) -> None:
    space = load_space(preset, names)
    assignment = space.sample(np.random.default_rng(seed))
    [row] = space.codes.rows([assignment])
    back = space.codes.assignment(row)
    assert back == assignment
    assert {name: type(value) for name, value in back.items()} == {n: type(v) for n, v in assignment.items()}
    assert space.active(assignment) == list(assignment)


@settings(max_examples=25, deadline=None)
@given(seed=seeds, index=st.integers(0, 15))
def test_what_validate_refuses_is_what_codes_call_invalid(seed: int, index: int) -> None:
    space = load_space("full", ["complex", "transe"])
    rng = np.random.default_rng(seed)
    rows = space.codes.sample(20, rng)
    column = index % space.codes.width
    rows[:, column] = rng.permutation(rows[:, column])  # breaks conditions and constraints, now and then
    for row, valid in zip(rows, space.codes.valid(rows), strict=True):
        with nullcontext() if valid else pytest.raises(ConfigError):
            space.validate(space.codes.assignment(row))
