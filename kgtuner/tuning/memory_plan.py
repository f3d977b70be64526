"""What a training will hold in memory, before it starts: part by part, and what can be made smaller to fit.

Reduced without changing what is computed: rows are updated singly (`optimizer.row_updates: auto` decides so on large
graphs), a second copy of large parameters lies on disk (`training/best.py`), ranking scores in chunks. Reduced by the
search: dimensions, batch sizes and numbers of negatives that cannot fit are taken out of the space before it begins.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from kgtuner.config import TrialConfig
from kgtuner.domains import Choices
from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.models import MODELS
from kgtuner.space.space import Space
from kgtuner.training.best import IN_MEMORY_BYTES
from kgtuner.training.optimizers import OPTIMIZERS

NUMBER = 4  # bytes of a float32
BYTES_PER_TRIPLE = (
    270  # of training queries and answers at their peak, as measured: results/scale.json, piece train
)
SIZES = ("model.dimension", "training.batch_size", "negatives.num_negatives")


@dataclass(frozen=True)
class GraphSize:
    """What the cost of a training depends on.

    Attributes:
        types: of entities that have members, each of which has a shared set of negatives of its own; 1 without types.
    """

    entities: int
    relations: int
    triples: int
    types: int = 1


def size_of(graph: KnowledgeGraph) -> GraphSize:
    types = 1 if graph.types is None else int((np.diff(graph.types.starts) > 0).sum())
    return GraphSize(graph.n_entities, graph.n_relations, len(graph.train), types)


@dataclass(frozen=True)
class MemoryPlan:
    """Bytes of one training.

    Attributes:
        parameters: the tables and layers.
        gradient: of whole tables, where a step updates all rows.
        optimizer: its state.
        best_copy: of the best parameters so far; 0 where it lies on disk.
        step: scores, drawn ids and rows of one batch.
        answers: training queries and the index of their answers.
    """

    parameters: float
    gradient: float
    optimizer: float
    best_copy: float
    step: float
    answers: float

    @property
    def total(self) -> float:
        return self.parameters + self.gradient + self.optimizer + self.best_copy + self.step + self.answers

    def __str__(self) -> str:
        parts = {name.replace("_", " "): value for name, value in vars(self).items() if value >= 0.05e9}
        return ", ".join(f"{value / 1e9:.1f} GB {name}" for name, value in parts.items()) or "below 0.05 GB"


def memory_plan(config: TrialConfig, size: GraphSize) -> MemoryPlan:
    """What a training of this configuration on a graph of this size will hold."""
    dimension = int(config.model.options.get("dimension", 100))
    batch = config.training.batch_size
    sampled = config.training.mode == "negative_sampling"
    shared = config.negatives.name == "shared"
    negatives = int(config.negatives.options.get("num_negatives", 128)) * (size.types if shared else 1)
    drawn = negatives if shared else batch * negatives
    relation_width = dimension**2 if config.model.name == "rescal" else dimension
    both = 2 if config.model.options.get("inverse_relations") == "independent" else 1
    numbers = size.entities * dimension + both * size.relations * relation_width
    if config.model.name == "tucker":
        numbers += dimension**3
    if not sampled:
        step = 2 * batch * size.entities
    elif shared:
        step = 4 * batch * (negatives + dimension) + 2 * negatives * dimension
    else:
        step = 12 * drawn + 4 * batch * dimension
        if MODELS[config.model.name].DISTANCE:
            step += 3 * drawn * dimension
    if config.model.name in ("rescal", "tucker"):
        step += 4 * batch * dimension**2
    parameters = NUMBER * numbers
    sparse = (
        sampled and drawn + 2 * batch < size.entities / 4
    )  # fewer rows than `row_updates: auto` updates singly
    states = len(OPTIMIZERS[config.optimizer.name].STATES) if config.optimizer.name in OPTIMIZERS else 2
    return MemoryPlan(
        parameters=float(parameters),
        gradient=0.0 if sparse else float(parameters),
        optimizer=float(states * parameters),
        best_copy=0.0 if parameters > IN_MEMORY_BYTES else float(parameters),
        step=float(NUMBER * step),
        answers=float(BYTES_PER_TRIPLE * size.triples),
    )


def largest_dimension(config: TrialConfig, size: GraphSize, room: float) -> int | None:
    """The largest dimension with which the rest of the configuration stays within so many bytes; None for none."""
    step = MODELS[config.model.name].DIMENSION_MULTIPLE
    low, high = 0, int(config.model.options.get("dimension", 100)) // step

    def fits(multiple: int) -> bool:
        smaller = config.updated({"model.dimension": multiple * step})
        return memory_plan(smaller, size).total <= room

    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low * step or None


def fitted(config: TrialConfig, size: GraphSize, room: float) -> TrialConfig:
    """The configuration with the largest dimension, up to its own, that fits; as it is where none does."""
    largest = largest_dimension(config, size, room)
    if largest is None or largest >= int(config.model.options.get("dimension", 100)):
        return config
    step = max(10, MODELS[config.model.name].DIMENSION_MULTIPLE)
    return config.updated({"model.dimension": max(largest // step * step, largest % step)})


def sizes_that_fit(space: Space, size: GraphSize, room: float) -> tuple[dict[str, list[Any]], list[str]]:
    """What is left of sizes of which some cannot fit, each judged with the others at their smallest; a note for each.

    A size is never left without a value: where the smallest does not fit either, the trials will say so.

    Returns:
        Dotted names with the values that stay, for `Space.narrowed`, and the notes.
    """
    smallest = _smallest(space, size)
    notes: list[str] = []
    changes: dict[str, list[Any]] = {}
    for name in SIZES:
        domain = space.by_name[name].domain if name in space.by_name else None
        if not isinstance(domain, Choices) or len(domain.values) < 2:
            continue
        section, _, key = name.partition(".")
        least = {
            value: memory_plan(smallest.updated({f"{section}.{key}": value}), size).total
            for value in domain.values
        }
        kept = [value for value in domain.values if least[value] <= room]
        if not kept or len(kept) == len(domain.values):
            continue
        out = min((value for value in domain.values if value not in kept), key=_as_number)
        changes[name] = kept
        notes.append(
            f"{name} is searched up to {max(kept, key=_as_number)}: {out} would need {least[out] / 1e9:.1f} GB "
            f"at the least, and {room / 1e9:.1f} GB may be used."
        )
    return changes, notes


def _smallest(space: Space, size: GraphSize) -> TrialConfig:
    """A configuration of the space at its smallest sizes, with the choices that need least."""
    values: dict[str, object] = {
        "model.name": "distmult",
        "loss.name": "cross_entropy",
        "negatives.name": "shared",
    }
    for name in SIZES:
        if name in space.by_name and isinstance(domain := space.by_name[name].domain, Choices):
            values[name] = min(domain.values, key=_as_number)
    values["optimizer.name"] = "sgd"
    values["training.mode"] = "negative_sampling"
    models = space.by_name["model.name"].domain if "model.name" in space.by_name else None
    names = models.values if isinstance(models, Choices) else (values["model.name"],)
    each = [TrialConfig.from_flat(values | {"model.name": name}) for name in names]
    return min(each, key=lambda config: memory_plan(config, size).total)


def _as_number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
