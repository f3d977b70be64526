"""Out to other libraries and in from them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from kgtuner.errors import ConfigError
from kgtuner.tuning.result import TuneResult
from kgtuner.tuning.trained import TrainResult

if TYPE_CHECKING:
    from kgtuner.exchange.exporting import ExportResult
    from kgtuner.exchange.importing import ImportedConfig


def export(run: str | Path | TuneResult | TrainResult, *, to: str, output: str | Path) -> ExportResult:
    """Write a run's best model or its configuration for another library.

    Args:
        run: a run folder, or the result of a run that has one.
        to: "pykeen", "libkge", "huggingface", "npz", "parquet" or "word2vec".
        output: a folder that is not there yet, or is empty. It appears with all of its files or not at all.

    Returns:
        What was written; `not_converted` has a sentence for each setting without a counterpart there.

    Raises:
        ConfigError: for an unknown format, or a model that the other library does not have.
        RunError: when the run has no model, or the folder holds something or cannot be written.
    """
    from kgtuner.exchange.exporting import export_run

    folder = run if isinstance(run, str | Path) else run.output
    if folder is None:
        raise ConfigError("this training was not kept in a folder; train it with output=… to export it")
    return export_run(folder, to, output)


def import_config(
    path: str | Path, *, source: str = "auto", dataset: str | None = None, model: str | None = None
) -> ImportedConfig:
    """Read a configuration of PyKEEN, of LibKGE or of the published KGTuner runs.

    Args:
        path: a YAML or JSON file.
        source: "kgtuner-paper", "libkge", "pykeen", or "auto" to tell by the keys.
        dataset, model: which one of a published collection of configurations.

    Returns:
        Our configuration as `.config`; `.not_converted` has a sentence for each setting without a counterpart.

    Raises:
        ConfigError: when it cannot be read or has a part that KGTuner does not have.
    """
    from kgtuner.exchange.importing import read_config

    return read_config(path, source, dataset=dataset, model=model)
