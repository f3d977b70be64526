"""Spaces by name or from a file: a preset, or a user's YAML that narrows one.

    base: reduced                    # optional: a preset, full by default
    parameters:
      optimizer.learning_rate: {low: 1e-3, high: 1e-1}
      training.batch_size: 256
      loss.name: [cross_entropy, bce_mean]

A range, a list or a value replaces what the base says and may lie outside it, as long as it is legal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from kgtuner.config import parse_yaml, read_yaml
from kgtuner.errors import ConfigError
from kgtuner.registry import unknown
from kgtuner.space.space import Space

PRESETS = ("full", "reduced", "broad", "whole")
KEYS = ("base", "parameters")


def load_space(spec: str | Path, models: Sequence[str], *, all_entities: bool = True) -> Space:
    """The space called `spec`, or in the file `spec`, for these models.

    Entries for parameters that the models do not have, but others do, are skipped.

    Raises:
        ConfigError: for an unknown preset, a file that cannot be read, an unknown parameter, a value
            that is not legal, or a space without any valid configuration.
    """
    from kgtuner.models import MODELS  # torch is imported only when a space is really built
    from kgtuner.space.legal import legal_space

    known = set(legal_space(list(MODELS)).by_name)
    space = legal_space(models, all_entities=all_entities)
    changes: dict[str, Any] = {}
    for origin, layer in _layers(spec):
        for name, change in layer.items():
            if name not in known:
                raise ConfigError(f"{origin}: {unknown('parameter', name, sorted(known))}")
            if name not in space.by_name:
                continue
            parameter = space.by_name[name]
            if name in changes:
                parameter = parameter.narrowed(changes[name])
            try:
                changes[name] = parameter.narrowed(change).domain
            except ConfigError as error:
                raise ConfigError(f"{origin}: {error}") from None
            if name == "model.name" and not changes[name].narrows(parameter.domain):
                raise ConfigError(f"{origin}: model.name must be one of {', '.join(models)}, got {change}")
    try:
        return space.narrowed(changes)
    except ConfigError as error:
        raise ConfigError(f"{spec}: {error}") from None


def named_parameters(spec: str | Path) -> frozenset[str]:
    """The parameters that a user's own file names; none for a preset."""
    return frozenset() if str(spec) in PRESETS else frozenset(_layers(spec)[-1][1])


def _layers(spec: str | Path) -> list[tuple[str, Mapping[str, Any]]]:
    """What the base says, then what the file itself says, each with its name for errors."""
    if str(spec) in PRESETS:
        text = (
            resources.files("kgtuner.space").joinpath("presets", f"{spec}.yaml").read_text(encoding="utf-8")
        )
        mapping = parse_yaml(text, str(spec))
    else:
        if not Path(spec).suffix and not Path(spec).exists():
            raise ConfigError(f"{unknown('space', spec, PRESETS)}, or the path of a YAML file")
        mapping = read_yaml(spec)
    for key in mapping:
        if key not in KEYS:
            raise ConfigError(f"{spec}: {unknown('key', key, KEYS)}")
    base = mapping.get("base")
    if base is None:
        base = None if str(spec) == "full" else "full"
    elif base not in PRESETS or str(base) == str(spec):
        raise ConfigError(f"{spec}: {unknown('base', base, PRESETS)}")
    parameters = mapping.get("parameters", {})
    if not isinstance(parameters, Mapping):
        raise ConfigError(
            f"{spec}: parameters must map names to ranges or values, got {type(parameters).__name__}"
        )
    below = _layers(base) if base else []
    return [*below, (str(spec), parameters)]
