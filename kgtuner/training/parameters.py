"""Trained parameters as a .safetensors file that knows which graph it belongs to."""

from __future__ import annotations

import os
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from kgtuner.errors import RunError
from kgtuner.models import Model


def save_parameters(model: Model, path: Path, fingerprint: str) -> None:
    """Write all parameters; the file appears whole or not at all.

    Raises:
        RunError: when the file cannot be written, as on a full disk.
    """
    partial = path.with_name(path.name + ".partial")
    tensors = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    try:
        save_file(tensors, partial, metadata={"graph": fingerprint})
        os.replace(partial, path)
    except (OSError, SafetensorError) as error:
        partial.unlink(missing_ok=True)
        raise RunError(f"cannot write {path}: {error}; free some space and resume") from None


def load_parameters(model: Model, path: Path, fingerprint: str) -> None:
    """Read parameters into a model of the same shape.

    Raises:
        RunError: when the file is missing, damaged, for another graph or for another configuration.
    """
    try:
        with safe_open(path, framework="pt") as file:
            graph = (file.metadata() or {}).get("graph")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise RunError(f"cannot read the model {path}: {error}; train it again") from None
    if graph != fingerprint:
        raise RunError(
            f"{path} was trained on another graph than the one given; give the graph it was trained on"
        )
    try:
        model.load_state_dict(tensors)
    except RuntimeError:
        raise RunError(f"{path} does not fit its configuration; it was trained with another one") from None
