"""How large a configuration found small may become: batch size and dimension in stage two.

Both are monotone: larger is rarely worse, if the training gets to its end. So they are raised as far
as memory allows and as the time of one trial allows, judged by what the configuration needed small.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import psutil
import torch

from kgtuner.config import TrialConfig
from kgtuner.errors import OutOfMemory
from kgtuner.models import MODELS

DIMENSIONS = (100, 200, 500, 1000, 2000)
BATCH_SIZES = (128, 256, 512, 1024)
MEMORY_SHARE = 0.6
"""Share of the free memory that one training may be planned to take."""

FREE_SHARE = 0.9
"""Share of the free memory above which a training is not started at all."""


@dataclass(frozen=True)
class GraphSize:
    """What the cost of a training depends on."""

    entities: int
    relations: int
    triples: int


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


def free_memory(device: str) -> float:
    """Free bytes of the device a training would run on. The CUDA branch has not been measured."""
    if device.startswith("cuda") or (device == "auto" and torch.cuda.is_available()):
        free, _ = torch.cuda.mem_get_info(None if device in ("auto", "cuda") else device)
        return float(free)
    return float(psutil.virtual_memory().available)


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
    """Predicted training time per query: in proportion to the dimension, and to the entities where all are scored."""
    ratio = int(larger.model.options["dimension"]) / int(smaller.model.options["dimension"])
    if larger.model.name in ("rescal", "tucker"):
        ratio **= 2
    if larger.training.mode != "negative_sampling":
        ratio *= full.entities / measured.size.entities
    return measured.seconds_per_query * ratio


def require_memory(config: TrialConfig, size: GraphSize, free: float) -> None:
    """Refuse a training that would not fit, before it takes the machine's memory.

    Raises:
        OutOfMemory: says how much it would need, how much there is, and what needs less.
    """
    needed = estimated_bytes(config, size)
    if needed > FREE_SHARE * free:
        raise OutOfMemory(
            f"it would need about {needed / 1e9:.1f} GB and {free / 1e9:.1f} GB are free; a smaller "
            "model.dimension, training.batch_size or negatives.num_negatives needs less"
        )


def estimated_bytes(config: TrialConfig, size: GraphSize) -> float:
    """Memory of one training: parameters with their copies, scores of a step, and the index of answers.

    Counted: the tables, the best copy, two optimiser states and a dense gradient; twice the scores of a batch, or
    its drawn ids in their orders, and for distance models the differences to all that was drawn; 150 bytes per
    triple for queries and answers.
    """
    dimension = int(config.model.options["dimension"])
    batch = config.training.batch_size
    relation_width = dimension**2 if config.model.name == "rescal" else dimension
    both = 2 if config.model.options.get("inverse_relations") == "independent" else 1
    parameters = size.entities * dimension + both * size.relations * relation_width
    if config.model.name == "tucker":
        parameters += dimension**3
    if config.training.mode != "negative_sampling":
        step = 2 * batch * size.entities
    elif config.negatives.name == "shared":
        step = 4 * batch * (int(config.negatives.options.get("num_negatives", 128)) + dimension)
    else:
        drawn = batch * int(config.negatives.options.get("num_negatives", 128))
        step = 12 * drawn + 4 * batch * dimension
        if MODELS[config.model.name].DISTANCE:
            step += 3 * drawn * dimension
    if config.model.name in ("rescal", "tucker"):
        step += 4 * batch * dimension**2
    return 4.0 * (5 * parameters + step) + 150.0 * size.triples
