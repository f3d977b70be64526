"""The parts that a configuration names: checked before anything is read, and made."""

from __future__ import annotations

import inspect
from typing import Any, TypeVar

import torch
from torch.nn.modules.batchnorm import _BatchNorm

from kgtuner.config import Component, TrialConfig
from kgtuner.errors import ConfigError
from kgtuner.losses import LOSSES
from kgtuner.models import MODELS, Model
from kgtuner.negatives import NEGATIVES
from kgtuner.registry import lookup, unknown
from kgtuner.regularizers import REGULARIZERS
from kgtuner.training.optimizers import OPTIMIZERS

T = TypeVar("T")


def check(config: TrialConfig) -> None:
    """Refuse a configuration whose names, options or combination cannot work, before anything is read.

    Raises:
        ConfigError: one sentence; a misspelt name comes with the nearest known one.
    """
    model = lookup("model", config.model.name, MODELS)
    loss = lookup("loss", config.loss.name, LOSSES)
    for section, component, table in (
        ("model", config.model, MODELS),
        ("loss", config.loss, LOSSES),
        ("regularizer", config.regularizer, REGULARIZERS),
        ("negatives", config.negatives, NEGATIVES),
        ("optimizer", config.optimizer, OPTIMIZERS),
    ):
        sizes = (1, 1) if section == "model" else ()
        try:
            with torch.device("meta"):  # neither memory nor random numbers
                create(section, component, dict[str, type[Any]](table), *sizes)
        except RuntimeError:  # of torch, for a tensor with more numbers than it can count
            raise ConfigError(
                f"{section} {component.name}: an option is too large for any memory, got "
                + ", ".join(f"{key}: {value!r:.40}" for key, value in component.options.items())
            ) from None
    if config.training.queries_at_once is not None and normalises_batches(config):
        raise ConfigError(
            f"training.queries_at_once does not go with {config.model.name} as configured, which normalises over its "
            f"batch, got {config.training.queries_at_once}; leave it out, or lower training.batch_size"
        )
    if config.training.tables_on == "host":
        if config.training.mode != "negative_sampling":
            raise ConfigError(
                "training.tables_on host works with training.mode negative_sampling only, because other modes look at "
                f"every row in each step, got {config.training.mode}"
            )
        if config.optimizer.options.get("row_updates") == "dense":
            raise ConfigError(
                "training.tables_on host moves the rows of a batch only, got optimizer.row_updates dense; "
                "use sparse or auto"
            )
    if config.training.compile and config.training.mode != "negative_sampling":
        raise ConfigError(
            "training.compile works with training.mode negative_sampling only, because other modes are large matmuls, "
            f"got {config.training.mode}"
        )
    if config.training.mode != "negative_sampling":
        for part, name in ((model, config.model.name), (loss, config.loss.name)):
            if not part.ALL_ENTITIES:
                raise ConfigError(
                    f"{name} works with training.mode negative_sampling only, got {config.training.mode}"
                )


def normalises_batches(config: TrialConfig) -> bool:
    """Whether the model looks at its batch as a whole, so that a batch in parts is not the same."""
    with torch.device("meta"):
        model = build_model(config.model, 1, 1)
    return any(isinstance(layer, _BatchNorm) for layer in model.modules())


def build_model(component: Component, n_entities: int, n_relations: int) -> Model:
    """A model of the right size with memory but no values yet; call `initialize` or load parameters."""
    return create("model", component, MODELS, n_entities, n_relations)


def create(section: str, component: Component, table: dict[str, type[T]], *sizes: int) -> T:
    """Make a part from its name and options; an option it does not have is an error that names the nearest."""
    cls = lookup(section, component.name, table)
    known = options_of(cls)
    for key in component.options:
        if key not in known:
            raise ConfigError(unknown(f"option of {section} {component.name}", key, known))
    try:
        return cls(*sizes, **component.options)
    except (TypeError, ValueError, OverflowError) as error:
        raise ConfigError(
            f"{section} {component.name}: an option has a value of the wrong kind ({error})"
        ) from None


def options_of(cls: type) -> list[str]:
    """The names of the keyword options a part takes, its own and those of its bases."""
    names: dict[str, None] = {}
    for base in cls.__mro__:
        if "__init__" in vars(base) and base.__module__.startswith("kgtuner."):
            for name, parameter in inspect.signature(base.__init__).parameters.items():  # type: ignore[misc]
                if parameter.kind is parameter.KEYWORD_ONLY or name == "dimension":
                    names[name] = None
            if not any(p.kind is p.VAR_KEYWORD for p in inspect.signature(base.__init__).parameters.values()):  # type: ignore[misc]
                break
    return list(names)
