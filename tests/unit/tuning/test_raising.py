"""How large a configuration becomes for the full graph, from numbers that can be followed by hand."""

from __future__ import annotations

from typing import Any

import pytest

from kgtuner.config import Component, TrainingConfig, TrialConfig
from kgtuner.errors import OutOfMemory
from kgtuner.tuning import available, raising
from kgtuner.tuning.raising import (
    MEMORY_SHARE,
    GraphSize,
    Measured,
    estimated_bytes,
    free_memory,
    raised,
    require_memory,
    seconds_per_query,
)

SMALL = GraphSize(entities=100, relations=10, triples=1_000)
FULL = GraphSize(entities=1_000, relations=10, triples=10_000)
MEASURED = Measured(SMALL, seconds_per_query=1e-4, epochs_to_best=5.0, steps_to_best=100)
PLENTY = 1e12


def config(mode: str = "negative_sampling", **options: Any) -> TrialConfig:
    model = {"name": "distmult", "dimension": 100} | options
    return TrialConfig.from_mapping(
        {
            "model": model,
            "loss": "cross_entropy",
            "negatives": {"name": "shared", "num_negatives": 100},
            "training": {"mode": mode, "batch_size": 128},
        }
    )


def sizes(of: TrialConfig) -> tuple[int, int]:
    return int(of.model.options["dimension"]), of.training.batch_size


@pytest.mark.parametrize(
    ("mode", "model", "seconds", "expected"),
    [
        # 5 epochs of 2 x 10,000 queries at 1e-4 s take 10 s at dimension 100, 20 s at 200, 50 s at 500.
        ("negative_sampling", "distmult", None, (2000, 1024)),
        ("negative_sampling", "distmult", 9.9, (100, 512)),  # 100 steps of 1024 queries need 10.24 s
        ("negative_sampling", "distmult", 19.9, (100, 1024)),
        ("negative_sampling", "distmult", 20.1, (200, 512)),  # at 2e-4 s a query: 10.24 s for 512
        ("negative_sampling", "distmult", 49.9, (200, 1024)),
        ("negative_sampling", "distmult", 50.1, (500, 512)),
        ("negative_sampling", "rescal", 39.9, (100, 1024)),  # twice the dimension is four times the work
        ("negative_sampling", "rescal", 40.1, (200, 512)),
        ("one_vs_all", "distmult", 199.9, (100, 1024)),  # ten times the entities are scored
        ("one_vs_all", "distmult", 200.1, (200, 512)),
    ],
)
def test_as_large_as_the_time_allows(
    mode: str, model: str, seconds: float | None, expected: tuple[int, int]
) -> None:
    assert sizes(raised(config(mode, name=model), MEASURED, FULL, seconds=seconds, memory=PLENTY)) == expected


@pytest.mark.parametrize(("sampler", "times"), [("independent", 4.0), ("shared", 1.0)])
def test_a_query_with_more_negatives_of_its_own_takes_longer(sampler: str, times: float) -> None:
    few = config().updated({"negatives.name": sampler, "negatives.num_negatives": 100})
    many = few.updated({"negatives.num_negatives": 400})
    assert seconds_per_query(many, few, MEASURED, FULL) == pytest.approx(times * 1e-4)
    assert seconds_per_query(few, many, MEASURED, FULL) == pytest.approx(1e-4 / times)


def test_no_larger_than_its_share_of_the_memory_holds() -> None:
    for dimension, batch in ((200, 128), (500, 128), (500, 512), (2000, 1024)):
        wanted = config().updated({"model.dimension": dimension, "training.batch_size": batch})
        memory = estimated_bytes(wanted, FULL) / MEMORY_SHARE
        grown = raised(config(), MEASURED, FULL, seconds=None, memory=memory * 1.0001)
        assert estimated_bytes(grown, FULL) <= MEMORY_SHARE * memory * 1.0001
        assert sizes(grown)[0] >= dimension
    assert sizes(raised(config(), MEASURED, FULL, seconds=None, memory=1.0)) == (100, 128)


def test_nothing_becomes_smaller_or_is_raised_where_nothing_larger_is_offered() -> None:
    large = config().updated({"model.dimension": 3000, "training.batch_size": 4096})
    assert raised(large, MEASURED, FULL, seconds=1.0, memory=1.0) == large
    kept = raised(config(), MEASURED, FULL, seconds=None, memory=PLENTY, dimensions=(), batch_sizes=())
    assert kept == config()


@pytest.mark.parametrize(
    ("changes", "numbers"),
    [
        # Parameters, their gradient, two states of Adam and the best copy, then what a step holds; four bytes each.
        ({}, 5 * (1000 * 100 + 10 * 100) + 4 * 128 * (100 + 100) + 2 * 100 * 100),
        ({"model.dimension": 200}, 5 * (1000 * 200 + 10 * 200) + 4 * 128 * (100 + 200) + 2 * 100 * 200),
        (
            {"model.inverse_relations": "independent"},
            5 * (1000 * 100 + 20 * 100) + 4 * 128 * (100 + 100) + 2 * 100 * 100,
        ),
        ({"training.batch_size": 256}, 5 * (1000 * 100 + 10 * 100) + 4 * 256 * (100 + 100) + 2 * 100 * 100),
        ({"optimizer.name": "adagrad"}, 4 * (1000 * 100 + 10 * 100) + 4 * 128 * (100 + 100) + 2 * 100 * 100),
        ({"negatives.name": "independent"}, 5 * (1000 * 100 + 10 * 100) + 12 * 128 * 100 + 4 * 128 * 100),
        (
            {"model.name": "transe", "negatives.name": "independent"},
            5 * (1000 * 100 + 10 * 100) + 12 * 128 * 100 + 4 * 128 * 100 + 3 * 128 * 100 * 100,
        ),
        ({"training.mode": "k_vs_all"}, 5 * (1000 * 100 + 10 * 100) + 2 * 128 * 1000),
        (
            {"model.name": "rescal"},
            5 * (1000 * 100 + 10 * 100**2) + 4 * 128 * (100 + 100) + 2 * 100 * 100 + 4 * 128 * 100**2,
        ),
        (
            {"model.name": "tucker", "training.mode": "one_vs_all"},
            5 * (1000 * 100 + 10 * 100 + 100**3) + 2 * 128 * 1000 + 4 * 128 * 100**2,
        ),
    ],
)
def test_memory_is_counted_part_by_part(changes: dict[str, Any], numbers: int) -> None:
    changed = config().flat() | changes
    assert estimated_bytes(TrialConfig.from_flat(changed), FULL) == 4.0 * numbers + 270 * 10_000


def test_a_configuration_that_does_not_say_so_means_128_negatives_of_its_own() -> None:
    silent = TrialConfig(
        model=Component(name="distmult", options={"dimension": 10}),
        loss=Component(name="cross_entropy"),
        training=TrainingConfig(batch_size=2),
    )
    assert estimated_bytes(silent, SMALL) == 4.0 * (5 * 110 * 10 + 12 * 2 * 128 + 4 * 2 * 10) + 270 * 1_000


@pytest.mark.parametrize(
    ("device", "has_cuda", "expected"),
    [
        ("cpu", True, 64.0),
        ("auto", False, 64.0),
        ("auto", True, 8.0),
        ("cuda", True, 8.0),
        ("cuda:1", True, 9.0),
    ],
)
def test_the_free_memory_is_that_of_the_device(
    device: str, has_cuda: bool, expected: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Host:
        available = 64

    monkeypatch.setattr(available.psutil, "virtual_memory", Host)
    monkeypatch.setattr(available, "container_room", lambda cgroup: None)
    monkeypatch.delenv("KGTUNER_MEMORY", raising=False)
    monkeypatch.setattr(raising.torch.cuda, "is_available", lambda: has_cuda)
    monkeypatch.setattr(
        raising.torch.cuda, "mem_get_info", lambda device=None: (9 if device == "cuda:1" else 8, 100)
    )
    assert free_memory(device) == expected


def test_a_training_that_would_not_fit_is_refused_with_both_figures() -> None:
    large = config().updated({"model.dimension": 2000})
    needed = estimated_bytes(large, FULL)
    require_memory(large, FULL, 1.2 * needed)
    with pytest.raises(
        OutOfMemory,
        match=r"would need about 0\.\d GB \(.*\) and 0\.\d GB are free; model.dimension \d+ instead of 2000 would fit",
    ):
        require_memory(large, FULL, needed)


def test_a_query_with_four_times_the_negatives_of_its_own_takes_four_times_as_long() -> None:
    few = config().updated({"negatives.name": "independent", "negatives.num_negatives": 32})
    many = few.updated({"negatives.num_negatives": 128})
    assert seconds_per_query(many, few, MEASURED, FULL) == pytest.approx(4e-4)
    assert seconds_per_query(few, many, MEASURED, FULL) == pytest.approx(0.25e-4)
    # A shared set is scored in one matmul, whose size hardly shows.
    many, few = (one.updated({"negatives.name": "shared"}) for one in (many, few))
    assert seconds_per_query(many, few, MEASURED, FULL) == pytest.approx(1e-4)
