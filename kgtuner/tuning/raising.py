"""How large a configuration found small may become: batch size and dimension in stage two.

Both are monotone: larger is rarely worse, if the training gets to its end. So they are raised as far
as memory allows and as the time of one trial allows, judged by what the configuration needed small.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from kgtuner.config import TrialConfig
from kgtuner.errors import OutOfMemory
from kgtuner.models import MODELS
from kgtuner.tuning.available import available_bytes
from kgtuner.tuning.memory_plan import GraphSize as GraphSize
from kgtuner.tuning.memory_plan import as_it_fits, least_bytes, memory_plan, what_would_fit

DIMENSIONS = (100, 200, 500, 1000, 2000)
BATCH_SIZES = (128, 256, 512, 1024)
MEMORY_SHARE = 0.6
"""Share of the free memory that one training may be planned to take."""

FREE_SHARE = 0.9
"""Share of the free memory above which a training is not started at all."""


@dataclass(frozen=True)
class Measured:
    """What one training on a graph took.

    Attributes:
        seconds_per_query: training time per directed query.
        epochs_to_best: passes over both directions of train until it was at its best, or nearly.
        steps_to_best: optimiser steps until then.
    """

    size: GraphSize
    seconds_per_query: float
    epochs_to_best: float
    steps_to_best: int


def is_gpu(device: str) -> bool:
    return device.startswith("cuda") or (device == "auto" and torch.cuda.is_available())


def free_memory(device: str, *, yet_to_take: float = 0.0, planned: float = 0.0) -> float:
    """Free bytes of the device a training would run on. The CUDA branch has not been measured.

    Args:
        yet_to_take, planned: of trainings under way there, see `available_bytes`.
    """
    if is_gpu(device):
        free, _ = torch.cuda.mem_get_info(None if device in ("auto", "cuda") else device)
        return max(0.0, float(free) - yet_to_take)
    return available_bytes(yet_to_take=yet_to_take, planned=planned)


def raised(
    config: TrialConfig,
    measured: Measured,
    full: GraphSize,
    *,
    seconds: float | None,
    memory: float,
    dimensions: Sequence[int] = DIMENSIONS,
    batch_sizes: Sequence[int] = BATCH_SIZES,
) -> TrialConfig:
    """The configuration with the largest dimension and batch size that fit.

    The dimension: the largest with which a trial of `seconds` makes as many epochs on the full graph as
    the best of the small training needed, as predicted from its time per query. The batch size: the
    largest that leaves as many optimiser steps as it needed. Never smaller than before.

    Args:
        config: as found small.
        measured: what it took there.
        full: the graph it will be trained on.
        seconds: wall clock for the training, None for no limit.
        memory: free bytes of the device.
    """
    dimension = int(config.model.options["dimension"])
    batch = config.training.batch_size
    for larger in sorted(d for d in dimensions if d > dimension):
        candidate = config.updated({"model.dimension": larger})
        if estimated_bytes(candidate, full) > MEMORY_SHARE * memory:
            break
        needed = (
            measured.epochs_to_best * 2 * full.triples * seconds_per_query(candidate, config, measured, full)
        )
        if seconds is not None and needed > seconds:
            break
        dimension = larger
    config_at_dimension = config.updated({"model.dimension": dimension})
    per_query = seconds_per_query(config_at_dimension, config, measured, full)
    for larger in sorted(b for b in batch_sizes if b > batch):
        candidate = config_at_dimension.updated({"training.batch_size": larger})
        if estimated_bytes(candidate, full) > MEMORY_SHARE * memory:
            break
        if seconds is not None and seconds / (larger * per_query) < measured.steps_to_best:
            break
        batch = larger
    return config_at_dimension.updated({"training.batch_size": batch})


def seconds_per_query(
    larger: TrialConfig, smaller: TrialConfig, measured: Measured, full: GraphSize
) -> float:
    """Predicted training time per query: in proportion to the dimension, and to the candidates of a query."""
    ratio = int(larger.model.options["dimension"]) / int(smaller.model.options["dimension"])
    if larger.model.name in ("rescal", "tucker"):
        ratio **= 2
    if larger.training.mode != "negative_sampling":
        ratio *= full.entities / measured.size.entities
    elif larger.negatives.name == smaller.negatives.name == "independent":
        many, few = (int(c.negatives.options.get("num_negatives", 128)) for c in (larger, smaller))
        ratio *= many / few
    return measured.seconds_per_query * ratio


def usable(free: float, host: float | None = None) -> tuple[float, float | None]:
    """What trainings may take of the free bytes where they compute, and of those beside a GPU."""
    return FREE_SHARE * free, None if host is None else FREE_SHARE * host


def require_memory(
    config: TrialConfig, size: GraphSize, free: float, host: float | None = None
) -> TrialConfig:
    """Refuse a training that would not fit, before it takes the machine's memory.

    Args:
        free: bytes where it computes.
        host: bytes beside a GPU, None where a CPU computes.

    Returns:
        The configuration in the form in which it fits, see `as_it_fits`.

    Raises:
        OutOfMemory: says how much it would need, how much there is, and what would fit.
    """
    room = usable(free, host)
    fits = as_it_fits(config, size, *room)
    if fits is not None:
        return fits
    plan = memory_plan(config, size)
    would = what_would_fit(config, size, *room)
    if would is None:
        least = config.updated({"model.dimension": MODELS[config.model.name].DIMENSION_MULTIPLE})
        needed = memory_plan(least, size)
        would = (
            f"no dimension of it would fit: {needed.answers / 1e9:.1f} GB are for the triples of the graph alone; "
            f"with {least_bytes(config, size) / FREE_SHARE / 1e9:.1f} GB free it would fit as it is"
        )
    beside_it = "" if host is None else f", and {host / 1e9:.1f} GB beside it"
    raise OutOfMemory(
        f"it would need about {plan.total / 1e9:.1f} GB ({plan}) and {free / 1e9:.1f} GB are free{beside_it}; {would}"
    )


def form_of(config: TrialConfig, before: TrialConfig) -> str | None:
    """How a training is made to fit into memory, as the rest of a sentence; None where nothing is new since."""
    new = []
    if (at_once := config.training.queries_at_once) != before.training.queries_at_once:
        new.append(
            f"its gradient computed for {at_once} of a batch's {config.training.batch_size} queries at a time"
        )
    if config.training.tables_on != before.training.tables_on:
        new.append("its tables on the host, of which the GPU fetches the rows of each batch")
    return " and ".join(new) or None


def estimated_bytes(config: TrialConfig, size: GraphSize, *, gpu: bool = False) -> float:
    """Memory of one training where it computes, see `memory_plan`."""
    return memory_plan(config, size).where_computed(gpu=gpu)
