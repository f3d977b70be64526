"""What the page tests make shorter, so that a page that takes hours for a user takes seconds for a test.

- A tuning becomes one of at most 3 trials of at most 10 optimiser steps, whatever its budget: a number of trials
  rather than seconds, so that a busy machine changes nothing. Where its space does not name them, the dimension is
  32, the batch size 128 and the number of negatives 32.
- A training of its own takes at most 10 steps, of rows of at most 32 numbers.
- A data set that is not on this machine becomes `world`: it would have to be downloaded.

Nothing else is changed: arguments are read, files written and results printed by the code that users run. Each
change is said on standard error. `python tests/docs/shorter.py …` is `kgtuner …` with these limits.
"""

from __future__ import annotations

import functools
import importlib
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from kgtuner.config import read_yaml
from kgtuner.errors import ConfigError
from kgtuner.space.loading import PRESETS

TRIALS, STEPS, DIMENSION = 3, 10, 32
SIZES = {"model.dimension": DIMENSION, "training.batch_size": 128, "negatives.num_negatives": 32}


def install() -> None:
    """Put the shorter functions where the command line and the public names find them."""
    for home, name, wrap in (
        ("kgtuner.graph.catalog", "load_dataset", _world),
        ("kgtuner.api.tuning", "tune", _short_tuning),
        ("kgtuner.api.training", "train", _short_training),
    ):
        module = importlib.import_module(home)
        setattr(module, name, wrap(getattr(module, name)))


def _world(load_dataset: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(load_dataset)
    def shorter(name: str, **options: Any) -> Any:
        from kgtuner.graph.catalog import dataset_card, find_dataset

        if find_dataset(dataset_card(name)) is None:
            _say(f"data set {name} -> world")
            name = "world"
        return load_dataset(name, **options)

    return shorter


def _short_tuning(tune: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(tune)
    def shorter(graph: Any, **settings: Any) -> Any:
        from kgtuner.tuning.budget import Budget

        budget = Budget.of(settings.pop("budget", None), settings.get("trials"))  # refused here as by `tune`
        settings["trials"] = min(budget.trials or TRIALS, TRIALS)
        settings["max_steps"] = min(settings.get("max_steps") or STEPS, STEPS)
        settings["space"] = _small_space(settings.get("space", "broad"))
        _say(f"{budget} -> {settings['trials']} trials of {settings['max_steps']} steps")
        return tune(graph, **settings)

    return shorter


def _short_training(train: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(train)
    def shorter(graph: Any, config: Any = None, **settings: Any) -> Any:
        from kgtuner import TrialConfig, default_config

        if config is None:
            config = default_config(settings.get("model", "complex"))
        elif not isinstance(config, TrialConfig):
            config = TrialConfig.load(config)
        most = min(config.training.max_steps, STEPS)
        short = config.limited(max_steps=most, validate_every=min(most, 5), max_valid_triples=200)
        if int(short.model.options.get("dimension", 100)) > DIMENSION:
            short = short.updated({"model.dimension": DIMENSION})
        _say(f"training -> {most} steps, {short.model.options['dimension']} numbers a row")
        return train(graph, short, **settings)

    return shorter


def _small_space(spec: str | Path) -> str | Path:
    """The space with the sizes of `SIZES` where it leaves them open; one that is wrong stays as it is."""
    mapping: Any = {"base": str(spec)} if str(spec) in PRESETS else None
    with suppress(ConfigError):
        mapping = mapping or read_yaml(spec)
    if not isinstance(mapping, dict) or not isinstance(mapping.get("parameters", {}), dict):
        return spec
    mapping["parameters"] = SIZES | mapping.get("parameters", {})
    with tempfile.NamedTemporaryFile("w", suffix=".yaml", delete=False, encoding="utf-8") as file:
        yaml.safe_dump(mapping, file)
    return file.name


def _say(what: str) -> None:
    print(f"(shorter for the test: {what})", file=sys.stderr)


if __name__ == "__main__":
    install()
    from kgtuner.cli.main import main

    sys.exit(main())
