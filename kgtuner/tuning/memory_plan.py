"""What a training will hold in memory, before it starts: part by part, and what can be made smaller to fit.

Reduced without changing what is computed: rows are updated singly (`optimizer.row_updates: auto` decides so on large
graphs), a second copy of large parameters lies on disk (`training/best.py`), scores against all entities are made in
chunks, in training and in ranking, the gradient of a batch is made in parts where the whole would not fit, and a
GPU that is too small for the tables fetches the rows of each batch from the host (`as_it_fits`). Reduced by the search:
dimensions, batch sizes and numbers of negatives that cannot fit even so are taken out of the space before it begins.

Room is given as bytes where the training computes; `host` as bytes beside a GPU, None where a CPU computes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from kgtuner.config import TrialConfig
from kgtuner.domains import Choices
from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.models import MODELS
from kgtuner.parts import normalises_batches
from kgtuner.space.space import Space
from kgtuner.training.all_entities import AllEntitiesStep
from kgtuner.training.best import IN_MEMORY_BYTES
from kgtuner.training.optimizers import OPTIMIZERS

NUMBER = 4  # bytes of a float32
BYTES_PER_TRIPLE = (
    270  # of training queries and answers at their peak, as measured: results/scale.json, piece train
)
LEAST_AT_ONCE = 16
"""Queries of a part of a batch, at the least: smaller parts take longer and save little."""

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
        fetched: what a GPU holds where all of the above but the step stays on the host; 0 where nothing is fetched.
    """

    parameters: float
    gradient: float
    optimizer: float
    best_copy: float
    step: float
    answers: float
    fetched: float = 0.0

    @property
    def total(self) -> float:
        return self.parameters + self.gradient + self.optimizer + self.best_copy + self.step + self.answers

    def where_computed(self, *, gpu: bool) -> float:
        """Bytes of the memory of what computes: on a GPU what it fetches, if it does; a CPU has one for both."""
        return self.fetched if gpu and self.fetched else self.total + self.fetched

    def __str__(self) -> str:
        parts = {name.replace("_", " "): value for name, value in vars(self).items() if value >= 0.05e9}
        if "fetched" in parts:
            parts["fetched by what computes"] = parts.pop("fetched")
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
    at_once = min(batch, config.training.queries_at_once or batch)
    if not sampled:
        step = 2 * min(at_once * size.entities, max(AllEntitiesStep.SCORE_NUMBERS, size.entities))
    elif shared:
        step = 4 * at_once * (negatives + dimension) + 2 * negatives * dimension
    else:
        step = 12 * at_once * negatives + 4 * at_once * dimension
        if MODELS[config.model.name].DISTANCE:
            step += 3 * at_once * negatives * dimension
    if config.model.name in ("rescal", "tucker"):
        step += 4 * at_once * dimension**2
    row_updates = config.optimizer.options.get("row_updates", "auto")
    few = drawn + 2 * batch < size.entities / 4  # fewer rows than `row_updates: auto` updates singly
    on_host = config.training.tables_on == "host"
    sparse = sampled and (row_updates == "sparse" or (row_updates == "auto" and (few or on_host)))
    if at_once < batch:  # the rows of a part, and what all parts add up
        step += min(batch, both * size.relations) * relation_width
    if at_once < batch and sampled:
        own = negatives if shared else at_once * negatives
        summed = drawn + 2 * batch if sparse else 0  # else it is the gradient of the table
        step += 4 * drawn + (min(own + 2 * at_once, size.entities) + min(summed, size.entities)) * dimension
    parameters = NUMBER * numbers
    fetched = 0.0
    if on_host:
        own = negatives if shared else at_once * negatives
        rows = min(own + 2 * at_once, size.entities) * dimension
        layers = numbers - size.entities * dimension  # and relations
        fetched = float(
            NUMBER * (step + 3 * rows + 2 * layers)
        )  # rows, their gradient, and one copy on its way
        step += 3 * rows + layers
    states = len(OPTIMIZERS[config.optimizer.name].STATES) if config.optimizer.name in OPTIMIZERS else 2
    return MemoryPlan(
        parameters=float(parameters),
        gradient=0.0 if sparse else float(parameters),
        optimizer=float(states * parameters),
        best_copy=0.0 if parameters > IN_MEMORY_BYTES else float(parameters),
        step=float(NUMBER * step),
        answers=float(BYTES_PER_TRIPLE * size.triples),
        fetched=fetched,
    )


def holds(config: TrialConfig, size: GraphSize, room: float, host: float | None = None) -> bool:
    """Whether a training fits as it is."""
    plan, gpu = memory_plan(config, size), host is not None
    beside = not plan.fetched or host is None or plan.total <= host
    return plan.where_computed(gpu=gpu) <= room and beside


def as_it_fits(
    config: TrialConfig, size: GraphSize, room: float, host: float | None = None, *, parts: bool = True
) -> TrialConfig | None:
    """The same training in the first of these forms that fits, None where none does.

    As it is; with its batch in parts, the largest that fit; with its tables on the host; with both. Parts are halves
    of the batch, halves of these, and so on, and a model that normalises over its batch has none. Tables can be on
    the host where a step moves single rows.

    Args:
        parts: whether the batch may be taken in parts.
    """
    for form in (config, *(() if host is None else _with_tables_on_host(config, size))):
        smaller: TrialConfig | None = form
        while smaller is not None:
            if holds(smaller, size, room, host):
                return smaller
            smaller = smaller_parts(smaller) if parts else None
    return None


def _with_tables_on_host(config: TrialConfig, size: GraphSize) -> tuple[TrialConfig, ...]:
    sampled = config.training.mode == "negative_sampling"
    if not sampled or config.training.tables_on == "host" or memory_plan(config, size).gradient:
        return ()
    return (config.limited(tables_on="host"),)


def smaller_parts(config: TrialConfig) -> TrialConfig | None:
    """The same training with half as many queries at a time; None where it has no parts, or none smaller."""
    batch = config.training.batch_size
    at_once = min(batch, config.training.queries_at_once or batch)
    if at_once <= LEAST_AT_ONCE or normalises_batches(config):
        return None
    return config.limited(queries_at_once=max(LEAST_AT_ONCE, at_once // 2))


def least_bytes(config: TrialConfig, size: GraphSize) -> float:
    """What a training needs at the least: as a whole, or with its batch in the smallest parts."""
    whole = memory_plan(config, size).total
    if config.training.batch_size <= LEAST_AT_ONCE or normalises_batches(config):
        return whole
    return min(whole, memory_plan(config.limited(queries_at_once=LEAST_AT_ONCE), size).total)


def largest_dimension(
    config: TrialConfig, size: GraphSize, room: float, host: float | None = None, *, whole: bool = False
) -> int | None:
    """The largest dimension with which the rest of the configuration stays within so many bytes; None for none.

    Args:
        whole: with its batch as a whole, and not in the smallest parts, which are slow.
    """
    step = MODELS[config.model.name].DIMENSION_MULTIPLE
    low, high = 0, int(config.model.options.get("dimension", 100)) // step

    def fits(multiple: int) -> bool:
        smaller = config.updated({"model.dimension": multiple * step})
        return as_it_fits(smaller, size, room, host, parts=not whole) is not None

    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low * step or None


def what_would_fit(
    config: TrialConfig, size: GraphSize, room: float, host: float | None = None
) -> str | None:
    """The one change that makes a configuration fit, as half a sentence: of dimension, negatives or batch."""
    dimension = int(config.model.options.get("dimension", 100))
    largest = largest_dimension(config, size, room, host)
    if largest is not None and largest < dimension:
        return f"model.dimension {largest} instead of {dimension} would fit"
    sizes = {"training.batch_size": config.training.batch_size}
    if config.training.mode == "negative_sampling":
        negatives = int(config.negatives.options.get("num_negatives", 128))
        sizes = {"negatives.num_negatives": negatives, **sizes}
    for name, given in sizes.items():
        smaller = given // 2
        while smaller:
            if as_it_fits(config.updated({name: smaller}), size, room, host) is not None:
                return f"{name} {smaller} instead of {given} would fit"
            smaller //= 2
    return None


def fitted(config: TrialConfig, size: GraphSize, room: float, host: float | None = None) -> TrialConfig:
    """The configuration with the largest dimension, up to its own, that fits; as it is where none does.

    With its batch as a whole; only where no dimension fits so, with its batch in parts.
    """
    largest = largest_dimension(config, size, room, host, whole=True) or largest_dimension(
        config, size, room, host
    )
    if largest is None or largest >= int(config.model.options.get("dimension", 100)):
        return config
    step = max(10, MODELS[config.model.name].DIMENSION_MULTIPLE)
    return config.updated({"model.dimension": max(largest // step * step, largest % step)})


def sizes_that_fit(
    space: Space, size: GraphSize, room: float, host: float | None = None
) -> tuple[dict[str, list[Any]], list[str]]:
    """What is left of sizes of which some cannot fit, each judged with the others at their smallest; a note for each.

    A size is never left without a value: where the smallest does not fit either, the trials will say so.

    Returns:
        Dotted names with the values that stay, for `Space.narrowed`, and the notes.
    """
    beside = "" if host is None else f" on the GPU and {host / 1e9:.1f} GB beside it"
    smallest = _smallest(space, size)
    notes: list[str] = []
    changes: dict[str, list[Any]] = {}
    for name in SIZES:
        domain = space.by_name[name].domain if name in space.by_name else None
        if not isinstance(domain, Choices) or len(domain.values) < 2:
            continue
        section, _, key = name.partition(".")
        configs = {value: smallest.updated({f"{section}.{key}": value}) for value in domain.values}
        kept = [v for v in domain.values if as_it_fits(configs[v], size, room, host) is not None]
        if not kept or len(kept) == len(domain.values):
            continue
        out = min((value for value in domain.values if value not in kept), key=_as_number)
        changes[name] = kept
        needed = least_bytes(configs[out], size)
        notes.append(
            f"{name} is searched up to {max(kept, key=_as_number)}: {out} would need {needed / 1e9:.1f} GB "
            f"at the least, and {room / 1e9:.1f} GB may be used{beside}."
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
    return min(each, key=lambda config: least_bytes(config, size))


def _as_number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
