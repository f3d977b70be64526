"""One hyper-parameter at a time, away from a good configuration."""

from __future__ import annotations

import pytest

import kgtuner as kt
from kgtuner.domains import Float
from kgtuner.space.loading import load_space
from kgtuner.tuning.moves import MOVES, moves

SPACE = load_space("broad", ("complex",))
DEFAULT = kt.default_config("complex")


def changed(first: int | None = None, fixed: frozenset[str] = frozenset()) -> list[tuple[str, object]]:
    before = {"model.dropout": 0.0} | DEFAULT.flat()
    found = []
    for _, config in moves(DEFAULT, SPACE, first, fixed):
        after = {"model.dropout": 0.0} | config.flat()
        (name,) = [key for key in after if after[key] != before.get(key)]
        found.append((name, after[name]))
    return found


def test_each_move_changes_one_thing_and_regularisation_comes_first() -> None:
    found = changed()
    assert found[:3] == [
        ("regularizer.weight", pytest.approx(0.05)),
        ("regularizer.weight", pytest.approx(0.008)),
        ("model.dimension", 500),
    ]
    assert ("training.batch_size", 256) in found
    assert ("training.batch_size", 1024) in found
    assert ("model.dropout", 0.1) in found
    assert "negatives.num_negatives" not in dict(found)  # the default scores all entities


def test_the_move_that_led_here_is_tried_again_first() -> None:
    number = MOVES.index(("optimizer.learning_rate", 1.8))
    assert changed(first=number)[0] == ("optimizer.learning_rate", pytest.approx(0.18))
    assert len(changed(first=number)) == len(changed())


def test_what_is_fixed_and_what_would_leave_the_space_is_no_move() -> None:
    assert "model.dimension" not in dict(changed(fixed=frozenset({"model.dimension"})))
    low = DEFAULT.updated({"model.dropout": 0.0})
    assert all(config.flat().get("model.dropout", 0.0) >= 0 for _, config in moves(low, SPACE))
    narrow = SPACE.narrowed({"regularizer.weight": Float(0.02, 0.03, log=True)})
    weights = [config.regularizer.options["weight"] for _, config in moves(DEFAULT, narrow)]
    assert max(weights) == 0.03
    assert min(weights) == 0.02


def test_every_size_and_rate_can_become_larger_and_smaller() -> None:
    middle = DEFAULT.updated(
        {
            "training.mode": "negative_sampling",
            "negatives.name": "independent",
            "negatives.num_negatives": 128,
            "optimizer.learning_rate": 0.01,
            "model.dropout": 0.2,
            "model.dimension": 200,
            "training.batch_size": 512,
            "regularizer.weight": 0.01,
        }
    )
    found = [(MOVES[number][0], config.flat()[MOVES[number][0]]) for number, config in moves(middle, SPACE)]
    assert found == [
        ("regularizer.weight", pytest.approx(0.025)),
        ("regularizer.weight", pytest.approx(0.004)),
        ("model.dimension", 500),
        ("optimizer.learning_rate", pytest.approx(0.018)),
        ("training.batch_size", 256),
        ("optimizer.learning_rate", pytest.approx(0.01 / 1.8)),
        ("model.dropout", pytest.approx(0.3)),
        ("training.batch_size", 1024),
        ("model.dropout", pytest.approx(0.1)),
        ("negatives.num_negatives", 512),
        ("negatives.num_negatives", 32),
    ]
