"""What fits is known before a training starts, and the space is clipped to it."""

from __future__ import annotations

import pytest

from kgtuner.config import TrialConfig
from kgtuner.defaults import default_for
from kgtuner.domains import Choices
from kgtuner.errors import OutOfMemory
from kgtuner.space.loading import load_space
from kgtuner.tuning.memory_plan import (
    SIZES,
    GraphSize,
    fitted,
    largest_dimension,
    memory_plan,
    sizes_that_fit,
)
from kgtuner.tuning.raising import require_memory

WIKIKG2 = GraphSize(2_500_604, 535, 16_109_182)
SMALL = GraphSize(1_000, 10, 10_000)


def default(dimension: int = 100) -> TrialConfig:
    config = default_for("complex", WIKIKG2.entities, all_entities=False)
    return config.updated({"model.dimension": dimension})


def test_single_rows_need_no_gradient_of_the_table_and_large_copies_lie_on_disk() -> None:
    plan = memory_plan(default(100), WIKIKG2)
    table = 4 * (2_500_604 + 2 * 535) * 100  # independent inverse relations
    assert (plan.parameters, plan.gradient, plan.optimizer, plan.best_copy) == (table, 0, table, table)
    assert memory_plan(default(500), WIKIKG2).best_copy == 0
    assert memory_plan(default(100), SMALL).gradient > 0  # every row is touched in each step


def test_the_largest_dimension_fits_and_the_next_one_does_not() -> None:
    room = 8e9
    largest = largest_dimension(default(2000), WIKIKG2, room)
    assert largest is not None
    assert (
        memory_plan(default(largest), WIKIKG2).total
        <= room
        < memory_plan(default(largest + 2), WIKIKG2).total
    )
    assert largest_dimension(default(2000), WIKIKG2, 1e6) is None


def test_a_default_is_made_to_fit_and_left_alone_where_it_does() -> None:
    shrunk = fitted(default(2000), WIKIKG2, 8e9)
    assert memory_plan(shrunk, WIKIKG2).total <= 8e9
    assert int(shrunk.model.options["dimension"]) % 10 == 0
    assert fitted(default(100), WIKIKG2, 8e9) == default(100)
    assert fitted(default(100), WIKIKG2, 1.0) == default(100)  # nothing would fit: the trial says so


def test_what_does_not_fit_is_refused_with_what_would() -> None:
    large = default(1000)
    largest = largest_dimension(large, WIKIKG2, 0.9 * 16e9)
    with pytest.raises(
        OutOfMemory, match=rf"24\.\d GB .* and 16\.0 GB are free; model\.dimension {largest} instead"
    ):
        require_memory(large, WIKIKG2, 16e9)
    with pytest.raises(OutOfMemory, match="or a smaller graph, needs less"):
        require_memory(default(100), WIKIKG2, 1e9)


def test_the_space_is_clipped_with_a_note_before_the_search() -> None:
    space = load_space("full", ["complex"], all_entities=False)
    kept, notes = sizes_that_fit(space, WIKIKG2, 12e9)
    values = kept["model.dimension"]
    assert 2000 not in values
    assert 100 in values
    assert [n for n in notes if n.startswith("model.dimension is searched up to ")]
    assert f"up to {max(values)}:" in notes[0]
    assert sizes_that_fit(space, SMALL, 12e9) == ({}, [])


def test_a_size_is_never_left_without_a_value() -> None:
    space = load_space("full", ["complex"], all_entities=False)
    assert sizes_that_fit(space, WIKIKG2, 1.0) == ({}, [])


def test_the_others_are_at_their_smallest_in_whatever_order_and_of_whatever_model_they_are() -> None:
    space = load_space("full", ["complex"], all_entities=False)
    turned = {
        name: Choices(domain.values[::-1], ordered=True)
        for name in SIZES
        if isinstance(domain := space.by_name[name].domain, Choices)
    }
    assert len(turned) == 3
    kept, notes = sizes_that_fit(space, WIKIKG2, 12e9)
    turned_kept, turned_notes = sizes_that_fit(space.narrowed(turned), WIKIKG2, 12e9)
    assert {name: sorted(values) for name, values in turned_kept.items()} == kept
    assert turned_notes == notes
    both = [load_space("full", models, all_entities=False) for models in (["tucker", "complex"], ["complex"])]
    first, second = (sizes_that_fit(space, WIKIKG2, 12e9) for space in both)  # tucker needs dimension ** 3
    assert first == second


def test_a_shared_set_is_drawn_for_each_type() -> None:
    config = default(100).updated({"negatives.name": "shared", "negatives.num_negatives": 2_000})
    untyped = GraphSize(93_773, 51, 4_762_678)
    typed = GraphSize(93_773, 51, 4_762_678, types=5)
    more = config.updated({"negatives.num_negatives": 10_000})
    assert memory_plan(config, typed).step == memory_plan(more, untyped).step
    assert memory_plan(config, untyped).gradient == 0
    assert (
        memory_plan(more.updated({"training.batch_size": 8_000}), typed).gradient > 0
    )  # nearly all rows in a step
