"""The settings of one training as a value: loaded strictly, saved as YAML, flattened for the search.

A configuration has six sections. Five name a part and its options (`model`, `loss`, `regularizer`,
`negatives`, `optimizer`); which names and options exist is checked by `kgtuner.parts`, where
those parts meet. The sixth, `training`, says how long and in which mode.
"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, cast, get_args

import yaml

from kgtuner.errors import ConfigError
from kgtuner.registry import unknown
from kgtuner.types import Assignment

Mode = Literal["negative_sampling", "one_vs_all", "k_vs_all"]
MODES: tuple[Mode, ...] = get_args(Mode)
Precision = Literal["auto", "fp32", "bf16"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
TablesOn = Literal["device", "host"]
TABLES_ON: tuple[TablesOn, ...] = get_args(TablesOn)

MAX_YAML_BYTES = 1_000_000
MAX_DEPTH = 20
MAX_YAML_DEPTH = 20


@dataclass(frozen=True, kw_only=True)
class Component:
    """One part by name, with its options: `{name: complex, dimension: 200}`."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def to_mapping(self) -> dict[str, Any]:
        return {"name": self.name, **self.options}


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """How one trial trains. Field names are the YAML names.

    Source of the defaults: kgtuner's protocol, section 5 of "Efficient Hyper-parameter Search for
    Knowledge Graph Embedding" (ACL 2022).
    """

    mode: Mode = "negative_sampling"
    batch_size: int = 512  # directed queries, so a triple counts twice an epoch
    max_steps: int = 100_000  # optimiser steps, not epochs
    max_epochs: float | None = None  # passes over both directions of train
    max_seconds: float | None = None  # wall clock, validations included
    validate_every: int = 2_500  # steps
    validate_every_seconds: float | None = None  # instead of steps, for budgets in wall-clock time
    max_valid_triples: int | None = None  # rank a fixed seeded sample of valid; None: all of it
    patience: int = 5  # validations in a row without a better MRR before training stops
    halve_learning_rate_after: int | None = 3  # validations in a row without a relative gain of 1e-4
    frequency_weights: bool = True  # positives weighted by 1 / sqrt(n(h,r) + n(r,t))
    queries_at_once: int | None = None  # gradient of a batch in parts, to take less memory; None: as a whole
    tables_on: TablesOn = (
        "device"  # host: a GPU fetches the rows of each batch, where its memory is too small
    )
    compile: bool = False  # loss and distances by torch.compile, for the small steps of a GPU
    precision: Precision = "auto"  # of large matmuls in training; auto: bf16 where the hardware has it

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise ConfigError(unknown("training.mode", self.mode, MODES))
        if self.tables_on not in TABLES_ON:
            raise ConfigError(unknown("training.tables_on", self.tables_on, TABLES_ON))
        if self.precision not in PRECISIONS:
            raise ConfigError(unknown("training.precision", self.precision, PRECISIONS))
        for name in ("batch_size", "max_steps", "validate_every", "patience"):
            _require(name, getattr(self, name), int, minimum=1)
        for name in ("max_valid_triples", "halve_learning_rate_after", "queries_at_once"):
            if getattr(self, name) is not None:
                _require(name, getattr(self, name), int, minimum=1)
        for name in ("max_epochs", "max_seconds", "validate_every_seconds"):
            if getattr(self, name) is not None:
                _require(name, getattr(self, name), float, minimum=0)
        for name in ("frequency_weights", "compile"):
            if not isinstance(getattr(self, name), bool):
                raise ConfigError(f"training.{name} must be true or false, got {getattr(self, name)!r}")


COMPONENTS = ("model", "loss", "regularizer", "negatives", "optimizer")
MODEL_OPTIONS = ("dimension", "inverse_relations", "dropout", "initializer", "initializer_scale")
"""What every model has, so that it means the same for another one."""


@dataclass(frozen=True, kw_only=True)
class TrialConfig:
    """Everything that decides one training besides the graph and the seed."""

    model: Component
    loss: Component
    regularizer: Component = Component(name="none")
    negatives: Component = Component(name="independent")
    optimizer: Component = Component(name="adam")
    training: TrainingConfig = field(default_factory=TrainingConfig)

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> TrialConfig:
        """Build from nested plain values, refusing anything that is not known.

        Raises:
            ConfigError: for an unknown section or key (the nearest known one is named), a missing
                `name`, or a value of the wrong kind.
        """
        if not isinstance(mapping, Mapping):
            raise ConfigError(f"a configuration must be a mapping of sections, got {type(mapping).__name__}")
        sections = [f.name for f in fields(cls)]
        for key in mapping:
            if key not in sections:
                raise ConfigError(unknown("section", key, sections))
        parts: dict[str, Any] = {}
        for name in COMPONENTS:
            if name in mapping:
                parts[name] = _component(name, mapping[name])
        for name in ("model", "loss"):
            if name not in parts:
                raise ConfigError(
                    f"the section {name!r} is missing; a configuration needs at least model and loss"
                )
        if "training" in mapping:
            parts["training"] = _training(mapping["training"])
        return cls(**parts)

    @classmethod
    def from_flat(cls, flat: Assignment) -> TrialConfig:
        """Build from dotted names, e.g. {"model.name": "complex", "loss.name": "cross_entropy"}."""
        nested: dict[str, dict[str, Any]] = {}
        for dotted, value in flat.items():
            section, key = _section_and_key(dotted)
            nested.setdefault(section, {})[key] = value
        return cls.from_mapping(nested)

    @classmethod
    def load(cls, path: str | Path) -> TrialConfig:
        """Read a YAML file; a `dataset:` line at the top is a note for the reader and is skipped."""
        mapping = read_yaml(path)
        try:
            return cls.from_mapping({key: value for key, value in mapping.items() if key != "dataset"})
        except ConfigError as error:
            raise ConfigError(f"{path}: {error}") from None

    def to_mapping(self) -> dict[str, Any]:
        """Nested plain values; `TrialConfig.from_mapping` gives the same configuration back."""
        result: dict[str, Any] = {name: getattr(self, name).to_mapping() for name in COMPONENTS}
        result["training"] = asdict(self.training)
        return result

    def flat(self) -> dict[str, Any]:
        """Dotted names and plain values, all sections."""
        return {
            f"{section}.{key}": value
            for section, part in self.to_mapping().items()
            for key, value in part.items()
        }

    def to_yaml(self) -> str:
        return yaml.dump(
            self.to_mapping(), Dumper=_Dumper, sort_keys=False, allow_unicode=False, default_flow_style=None
        )

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.to_yaml())}</pre>"

    def updated(self, changes: Assignment) -> TrialConfig:
        """A copy with some dotted names set, e.g. `config.updated({"model.dimension": 500})`.

        Giving a section another `name` drops the options of the old part; a model keeps `MODEL_OPTIONS`.
        """
        nested = self.to_mapping()
        for dotted, value in changes.items():
            section, key = _section_and_key(dotted)
            if key == "name" and section in nested and nested[section].get("name") != value:
                kept = MODEL_OPTIONS if section == "model" else ()
                nested[section] = {name: nested[section][name] for name in kept if name in nested[section]}
        for dotted, value in changes.items():
            section, key = _section_and_key(dotted)
            nested.setdefault(section, {})[key] = value
        return TrialConfig.from_mapping(nested)

    def limited(self, **limits: Any) -> TrialConfig:
        """A copy with other training limits, e.g. `config.limited(max_steps=1000)`."""
        return replace(self, training=replace(self.training, **limits))


def read_yaml(path: str | Path) -> dict[str, Any]:
    """A YAML mapping from a file we may not trust: safe loader, no aliases, bounded size.

    Raises:
        ConfigError: if the file is missing, too large, not YAML or not a mapping.
    """
    path = Path(path)
    try:
        if path.stat().st_size > MAX_YAML_BYTES:
            raise ConfigError(
                f"{path}: a configuration has at most {MAX_YAML_BYTES:,} bytes, got {path.stat().st_size:,}"
            )
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: expected UTF-8 text, got other bytes") from None
    return parse_yaml(text, str(path))


def parse_yaml(text: str, origin: str) -> dict[str, Any]:
    """As `read_yaml`, from a string; `origin` names it in errors."""
    try:
        _refuse_hostile(text, origin)
        value = yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" line {mark.line + 1}" if mark is not None else ""
        problem = " ".join((getattr(error, "problem", None) or str(error)).split())
        raise ConfigError(f"{origin}{where}: not valid YAML: {problem}") from None
    except ValueError as error:  # a date such as 2020-13-45, or a number of 5,000 digits
        raise ConfigError(f"{origin}: a value cannot be read: {error}") from None
    if not isinstance(value, dict):
        raise ConfigError(f"{origin}: expected a mapping of settings, got {type(value).__name__}")
    return cast(dict[str, Any], value)


def _refuse_hostile(text: str, origin: str) -> None:
    """A few nested aliases expand to gigabytes, and deep nesting takes the parser hours."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise ConfigError(f"{origin}: YAML aliases (*name) are not allowed in a configuration")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_YAML_DEPTH:
            raise ConfigError(f"{origin}: a configuration is nested at most {MAX_YAML_DEPTH} deep")


class _Loader(yaml.SafeLoader):
    """The safe loader, reading `1e-4` as a number (YAML 1.1 wants `1.0e-4`) and refusing a key given twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key in (key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} is given twice", node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


class _Dumper(yaml.SafeDumper):
    """Quotes the texts that `_Loader` would take for numbers."""


for _class in (_Loader, _Dumper):
    _class.add_implicit_resolver(
        "tag:yaml.org,2002:float",
        re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)[eE][-+]?[0-9]+$"),
        list("-+.0123456789"),
    )


def _section_and_key(dotted: str) -> tuple[str, str]:
    section, _, key = dotted.partition(".")
    if not key:
        raise ConfigError(f"expected a dotted name such as 'model.dimension', got {dotted!r}")
    return section, key


def _component(section: str, value: Any) -> Component:
    if isinstance(value, str):
        return Component(name=value)
    if not isinstance(value, Mapping):
        raise ConfigError(f"{section} must be a name or a mapping with a name, got {value!r}")
    options = dict(value)
    name = options.pop("name", None)
    if not isinstance(name, str):
        raise ConfigError(f"{section}.name must be a text, got {name!r}")
    for key, option in options.items():
        if not isinstance(key, str):
            raise ConfigError(f"{section} has the key {key!r}, which is not a name")
        if isinstance(option, float) and not math.isfinite(option):
            raise ConfigError(f"{section}.{key} must be finite, got {option}")
    return Component(name=name, options=options)


def _training(value: Any) -> TrainingConfig:
    known = [f.name for f in fields(TrainingConfig)]
    if not isinstance(value, Mapping):
        raise ConfigError(f"training must be a mapping, got {value!r}")
    for key in value:
        if key not in known:
            raise ConfigError(unknown("key in training", key, known))
    return TrainingConfig(**value)


def _require(name: str, value: Any, kind: type, minimum: float) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if (
        not number
        or (kind is int and not isinstance(value, int))
        or not value >= minimum
        or value == math.inf
    ):
        what = "a whole number" if kind is int else "a number"
        raise ConfigError(f"training.{name} must be {what} of at least {minimum}, got {value!r}")
