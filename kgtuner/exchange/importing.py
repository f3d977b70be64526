"""A configuration of another library, or of the published KGTuner runs, as ours."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kgtuner.config import MAX_YAML_BYTES, MAX_YAML_DEPTH, TrialConfig, read_yaml
from kgtuner.errors import ConfigError
from kgtuner.exchange.from_libkge import convert_libkge, is_libkge
from kgtuner.exchange.from_paper import convert_paper, is_paper
from kgtuner.exchange.from_pykeen import convert_pykeen, is_pykeen
from kgtuner.exchange.settings import nested
from kgtuner.files import replacing
from kgtuner.parts import check
from kgtuner.registry import unknown

SOURCES = ("kgtuner-paper", "libkge", "pykeen")
SECTIONS = ("model", "loss", "regularizer", "negatives", "optimizer", "training")


@dataclass(frozen=True)
class ImportedConfig:
    """A configuration and what was lost on the way.

    Attributes:
        config: ours, checked.
        source: a name from `SOURCES`.
        dataset: the data set it was meant for, if the file says so.
        not_converted: a sentence for each setting that has no counterpart here, or only a similar one.
    """

    config: TrialConfig
    source: str
    dataset: str | None
    not_converted: tuple[str, ...]

    def to_mapping(self) -> dict[str, Any]:
        return {
            "source": self.source,
            "dataset": self.dataset,
            "config": self.config.to_mapping(),
            "not_converted": list(self.not_converted),
        }

    def save(self, path: str | Path, origin: str | Path) -> None:
        """Write it as `kgtuner train --config` takes it.

        Raises:
            RunError: when the file cannot be written.
        """
        path = Path(path)
        lines = [
            "kgtuner train GRAPH --config " + path.name,
            f"Converted from {Path(origin).name} ({self.source}).",
        ]
        lines += [f"not converted: {sentence}" for sentence in self.not_converted]
        comments = "".join(f"# {_one_line(line)}\n" for line in lines)
        with replacing(path) as partial:
            partial.write_text(comments + self.config.to_yaml(), encoding="utf-8")


def read_config(
    path: str | Path, source: str = "auto", *, dataset: str | None = None, model: str | None = None
) -> ImportedConfig:
    """Read a foreign configuration.

    Args:
        path: a YAML or JSON file.
        source: a name from `SOURCES`, or "auto" to tell by the keys.
        dataset, model: which of the configurations of a published collection.

    Raises:
        ConfigError: for a file that cannot be read, is not such a configuration, or has a part that KGTuner
            does not have; one sentence that begins with the path.
    """
    if source != "auto" and source not in SOURCES:
        raise ConfigError(unknown("source", source, ("auto", *SOURCES)))
    mapping = _read(Path(path))
    try:
        source = _source(mapping) if source == "auto" else source
        if source == "kgtuner-paper":
            settings, used_on, lost = convert_paper(mapping, dataset=dataset, model=model)
        else:
            if model is not None or dataset is not None:
                raise ConfigError(
                    "--dataset and --model choose from a published KGTuner collection, which this is not"
                )
            convert = convert_libkge if source == "libkge" else convert_pykeen
            flat, used_on, lost = convert(mapping)
            settings = nested(flat, SECTIONS)
        config = TrialConfig.from_mapping(settings)
        check(config)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    return ImportedConfig(config, source, used_on, tuple(lost))


def _source(mapping: Mapping[str, Any]) -> str:
    for name, fits in (("kgtuner-paper", is_paper), ("pykeen", is_pykeen), ("libkge", is_libkge)):
        if fits(mapping):
            return name
    raise ConfigError(
        "this is neither a published KGTuner, a LibKGE nor a PyKEEN configuration as far as its keys tell; "
        f"say which with --from: {', '.join(SOURCES)}"
    )


def _read(path: Path) -> Mapping[str, Any]:
    if path.suffix.lower() != ".json":
        return read_yaml(path)
    try:
        size = path.stat().st_size
        if size > MAX_YAML_BYTES:
            raise ConfigError(f"{path}: a configuration has at most {MAX_YAML_BYTES:,} bytes, got {size:,}")
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: expected UTF-8 text, got other bytes") from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: not valid JSON: {str(error) or type(error).__name__}") from None
    if not isinstance(value, dict):
        raise ConfigError(f"{path}: expected a mapping of settings, got {type(value).__name__}")
    if _depth(value) > MAX_YAML_DEPTH:
        raise ConfigError(f"{path}: a configuration is nested at most {MAX_YAML_DEPTH} deep")
    return value


def _depth(value: Any) -> int:
    """How deep mappings and lists are nested, without recursion."""
    depth, level = 0, [value]
    while level and depth <= MAX_YAML_DEPTH:
        depth += 1
        inside = [item for v in level for item in (v.values() if isinstance(v, dict) else v)]
        level = [item for item in inside if isinstance(item, dict | list)]
    return depth


def _one_line(text: str) -> str:
    from kgtuner.report.text import printable

    return printable(text)
