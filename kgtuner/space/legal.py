"""What is legal: the space of everything the parts in the tables say about themselves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from kgtuner.config import MODES
from kgtuner.domains import Choices, Domain, Float
from kgtuner.errors import ConfigError
from kgtuner.losses import LOSSES
from kgtuner.models import MODELS, Model
from kgtuner.models.base import INITIALIZERS, INVERSE_RELATIONS
from kgtuner.negatives import NEGATIVES
from kgtuner.registry import lookup
from kgtuner.regularizers import REGULARIZERS
from kgtuner.space.parameters import Condition, Constraint, Parameter
from kgtuner.space.space import Space
from kgtuner.training.optimizers import OPTIMIZERS

MAX_DIMENSION = 4096
BATCH_SIZES = tuple(2**k for k in range(4, 15))
SAMPLED = ("negative_sampling",)
UNSAMPLED = tuple(mode for mode in MODES if mode not in SAMPLED)


def legal_space(models: Sequence[str], *, all_entities: bool = True) -> Space:
    """Everything that can be tuned for one model, or for several at once.

    Args:
        models: names from `MODELS`; with one, `model.name` is a fixed value.
        all_entities: False for graphs with too many entities to score all of them per query.

    Raises:
        ConfigError: for an unknown model or none.
    """
    if not models:
        raise ConfigError(f"a space needs at least one model, got none; known: {', '.join(MODELS)}")
    for name in models:
        lookup("model", name, MODELS)
    chosen = {name: MODELS[name] for name in dict.fromkeys(models)}
    step = math.lcm(*(model.DIMENSION_MULTIPLE for model in chosen.values()))
    dimensions = Choices(tuple(range(step, MAX_DIMENSION + 1, step)), ordered=True)
    sampled = Condition({"training.mode": SAMPLED})

    parameters = [
        Parameter("model.name", Choices(tuple(chosen)), legal=Choices(tuple(MODELS))),
        Parameter("training.mode", Choices(MODES)),
        Parameter("negatives.name", Choices(tuple(NEGATIVES)), sampled),
        *_own("negatives", {name: part.SPACE for name, part in NEGATIVES.items()}, sampled),
        Parameter("loss.name", Choices(tuple(LOSSES))),
        *_own("loss", {name: part.SPACE for name, part in LOSSES.items()}),
        *_own("model", {name: part.SPACE for name, part in chosen.items()}),
        Parameter("regularizer.name", Choices(tuple(REGULARIZERS))),
        *_own("regularizer", {name: part.SPACE for name, part in REGULARIZERS.items()}),
        Parameter("model.dropout", Float(0.0, 0.5)),
        Parameter("optimizer.name", Choices(tuple(OPTIMIZERS))),
        *_own("optimizer", {name: part.SPACE for name, part in OPTIMIZERS.items()}),
        Parameter("model.initializer", Choices(INITIALIZERS)),
        Parameter("training.batch_size", Choices(BATCH_SIZES, ordered=True)),
        Parameter("model.dimension", dimensions),
        Parameter("model.inverse_relations", Choices(INVERSE_RELATIONS)),
    ]
    return Space(parameters, _constraints(chosen, all_entities))


def _own(
    section: str, spaces: Mapping[str, Mapping[str, Domain]], also: Condition | None = None
) -> list[Parameter]:
    """The options that the classes of one table tune, each under the names of the classes that have it."""
    owners: dict[str, list[str]] = {}
    for name, space in spaces.items():
        for option in space:
            owners.setdefault(option, []).append(name)
    parameters = []
    for option, names in owners.items():
        domain = spaces[names[0]][option]
        if any(spaces[name][option] != domain for name in names):
            raise ConfigError(
                f"{section}.{option} has different domains in {', '.join(names)}; give it one or two names"
            )
        allowed = dict(also.allowed) if also else {}
        if len(names) < len(spaces):
            allowed[f"{section}.name"] = tuple(names)
        parameters.append(Parameter(f"{section}.{option}", domain, Condition(allowed) if allowed else None))
    return parameters


def _constraints(chosen: Mapping[str, type[Model]], all_entities: bool) -> list[Constraint]:
    found = []
    for name, model in chosen.items():
        if not model.ALL_ENTITIES:
            reason = f"{name} is trained with sampled negatives only (training.mode negative_sampling)"
            found.append(Constraint({"model.name": (name,), "training.mode": UNSAMPLED}, reason))
    for name, loss in LOSSES.items():
        if not loss.ALL_ENTITIES:
            reason = f"{name} is defined for sampled negatives only (training.mode negative_sampling)"
            found.append(Constraint({"loss.name": (name,), "training.mode": UNSAMPLED}, reason))
    if not all_entities:
        reason = "this graph has too many entities to score them all (training.mode negative_sampling)"
        found.append(Constraint({"training.mode": UNSAMPLED}, reason))
    return found
