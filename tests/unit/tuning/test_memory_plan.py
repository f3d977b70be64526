"""What fits is known before a training starts, and the space is clipped to it."""

from __future__ import annotations

import pytest

from kgtuner.config import TrialConfig
from kgtuner.defaults import default_for
from kgtuner.domains import Choices
from kgtuner.errors import OutOfMemory
from kgtuner.space.loading import load_space
from kgtuner.training.all_entities import AllEntitiesStep
from kgtuner.tuning.memory_plan import (
    SIZES,
    GraphSize,
    as_it_fits,
    fitted,
    holds,
    largest_dimension,
    least_bytes,
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
    whole = default(100).updated({"optimizer.row_updates": "dense"})
    assert memory_plan(whole, WIKIKG2).gradient == table  # as the user wants it


def test_the_largest_dimension_fits_and_the_next_one_does_not() -> None:
    room = 8e9
    largest = largest_dimension(default(2000), WIKIKG2, room)
    assert largest is not None
    assert least_bytes(default(largest), WIKIKG2) <= room < least_bytes(default(largest + 2), WIKIKG2)
    assert largest_dimension(default(2000), WIKIKG2, 1e6) is None


def test_a_default_is_made_to_fit_and_left_alone_where_it_does() -> None:
    shrunk = fitted(default(2000), WIKIKG2, 8e9)
    assert as_it_fits(shrunk, WIKIKG2, 8e9) is not None
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


def test_a_graph_that_is_too_large_for_the_machine_is_refused_with_the_memory_that_would_do() -> None:
    with pytest.raises(
        OutOfMemory,
        match=r"no dimension of it would fit: 4\.3 GB are for the triples .* with (.*) GB free it would",
    ) as refused:
        require_memory(default(100), WIKIKG2, 1e9)
    enough = float(str(refused.value).split("with ")[1].split(" GB")[0])
    require_memory(default(100), WIKIKG2, (enough + 0.1) * 1e9)
    with pytest.raises(OutOfMemory):
        require_memory(default(100), WIKIKG2, (enough - 0.1) * 1e9)


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"negatives.name": "independent", "negatives.num_negatives": 100_000}, "negatives.num_negatives"),
        (
            {"model.name": "tucker", "training.batch_size": 1 << 24, "negatives.name": "shared"},
            "training.batch_size",
        ),
    ],
)
def test_what_would_fit_is_a_number_that_does(changes: dict[str, object], name: str) -> None:
    small = TrialConfig.from_flat(
        {"model.name": "distmult", "model.dimension": 1, "loss.name": "cross_entropy", **changes}
    )
    with pytest.raises(OutOfMemory, match=rf"; {name} (\d+) instead of \d+ would fit$") as refused:
        require_memory(small, SMALL, 5e8)
    value = int(str(refused.value).split(f"{name} ")[1].split()[0])
    require_memory(small.updated({name: value}), SMALL, 5e8)
    with pytest.raises(OutOfMemory):
        require_memory(small.updated({name: 2 * value}), SMALL, 5e8)


def rescal(dimension: int = 500, batch: int = 1024) -> TrialConfig:
    return default_for("rescal", SMALL.entities, all_entities=False).updated(
        {"model.dimension": dimension, "training.batch_size": batch}
    )


def test_a_batch_that_does_not_fit_is_taken_in_the_largest_parts_that_do() -> None:
    whole = memory_plan(rescal(), SMALL)
    assert whole.step > 4 * 4 * 1024 * 500**2  # a matrix of 500 x 500 for each query
    parts = as_it_fits(rescal(), SMALL, whole.total / 2)
    assert parts is not None
    size = parts.training.queries_at_once
    assert size is not None
    assert parts == rescal().limited(queries_at_once=size)
    assert memory_plan(parts, SMALL).total <= whole.total / 2
    assert memory_plan(rescal().limited(queries_at_once=2 * size), SMALL).total > whole.total / 2
    assert require_memory(rescal(), SMALL, whole.total / 2 / 0.9) == parts
    assert require_memory(rescal(), SMALL, 2 * whole.total) == rescal()  # as a whole where it fits
    assert largest_dimension(rescal(), SMALL, whole.total / 2) == 500  # parts come before another size


def test_a_model_that_normalises_over_its_batch_has_no_parts() -> None:
    tucker = default_for("tucker", SMALL.entities, all_entities=False).updated({"training.batch_size": 1024})
    plain = tucker.updated({"model.query_norm": False})
    room = 0.7 * memory_plan(tucker, SMALL).total
    assert as_it_fits(tucker, SMALL, room) is None
    parts = as_it_fits(plain, SMALL, room)
    assert parts is not None
    assert parts.training.queries_at_once is not None


def test_a_gpu_that_is_too_small_for_the_tables_needs_room_for_a_batch_only() -> None:
    large = default(500)
    on_host = large.limited(tables_on="host")
    gpu, whole = memory_plan(on_host, WIKIKG2).fetched, memory_plan(large, WIKIKG2)
    assert gpu < 0.01 * whole.total
    assert memory_plan(large, WIKIKG2).fetched == 0
    assert as_it_fits(large, WIKIKG2, 8e9) is None  # a CPU, or a GPU whose host is not ours
    assert as_it_fits(large, WIKIKG2, 8e9, 24e9) == on_host
    assert as_it_fits(large, WIKIKG2, 24e9, 24e9) == large  # what fits stays on the GPU
    assert as_it_fits(large, WIKIKG2, 8e9, 8e9) is None
    few = as_it_fits(large, WIKIKG2, 0.7 * gpu, 24e9)
    assert few is not None
    assert few.training.queries_at_once is not None
    assert few.training.tables_on == "host"
    plan = memory_plan(on_host, WIKIKG2)
    both = plan.total + plan.fetched
    assert plan.where_computed(gpu=True) == plan.fetched
    assert plan.where_computed(gpu=False) == both
    assert holds(on_host, WIKIKG2, both)
    assert not holds(on_host, WIKIKG2, both - 1)  # of one memory both take their part
    assert holds(on_host, WIKIKG2, plan.fetched, plan.total)
    assert not holds(on_host, WIKIKG2, plan.fetched - 1, plan.total)
    assert not holds(on_host, WIKIKG2, plan.fetched, plan.total - 1)
    assert plan.step > whole.step  # rows on their way
    assert largest_dimension(default(2000), WIKIKG2, 8e9, 24e9) > largest_dimension(
        default(2000), WIKIKG2, 8e9
    )  # type: ignore[operator]
    assert require_memory(large, WIKIKG2, 9e9, 30e9) == on_host
    with pytest.raises(OutOfMemory, match=r"24\.\d GB .* and 8\.0 GB are free, and 4\.0 GB beside it; "):
        require_memory(default(1000), WIKIKG2, 8e9, 4e9)


def test_what_is_fetched_is_the_rows_of_a_batch_their_gradient_and_all_layers() -> None:
    own = {"negatives.name": "independent", "negatives.num_negatives": 512, "training.batch_size": 1024}
    many = default(500).updated(own).limited(tables_on="host")
    rows = 4 * 500 * (1024 * 512 + 2 * 1024)
    assert 3 * rows < memory_plan(many, WIKIKG2).fetched < 4 * rows
    few = memory_plan(many.limited(queries_at_once=64), WIKIKG2)
    assert few.fetched < memory_plan(many, WIKIKG2).fetched
    tucker = default_for("tucker", WIKIKG2.entities, all_entities=False).updated({"model.dimension": 300})
    assert memory_plan(tucker.limited(tables_on="host"), WIKIKG2).fetched > 2 * 4 * 300**3


def test_on_the_host_auto_means_single_rows() -> None:
    own = {"negatives.name": "independent", "negatives.num_negatives": 512, "training.batch_size": 1024}
    between = GraphSize(1_500_000, 10, 3_000_000)  # a step is planned to touch a third of the rows
    many = default(100).updated(own)
    assert memory_plan(many, between).gradient > 0
    assert memory_plan(many.limited(tables_on="host"), between).gradient == 0


@pytest.mark.parametrize(
    "changes",
    [{"optimizer.row_updates": "dense"}, {"training.mode": "one_vs_all", "loss.name": "cross_entropy"}],
)
def test_tables_stay_on_a_gpu_where_a_step_looks_at_all_rows(changes: dict[str, object]) -> None:
    assert as_it_fits(default(500).updated(changes), WIKIKG2, 8e9, 60e9) is None


def test_scores_against_all_entities_are_chunks() -> None:
    every = TrialConfig.from_flat(
        {
            "model.name": "complex",
            "model.dimension": 100,
            "loss.name": "cross_entropy",
            "training.mode": "one_vs_all",
            "training.batch_size": 1024,
        }
    )
    plan = memory_plan(every, GraphSize(200_000, 10, 1_000_000))
    assert plan.step == 4 * 2 * AllEntitiesStep.SCORE_NUMBERS < 4 * 2 * 1024 * 200_000
    assert memory_plan(every, SMALL).step == 4 * 2 * 1024 * SMALL.entities


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
