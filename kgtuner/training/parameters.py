"""Trained parameters as a .safetensors file that knows which graph it belongs to."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from kgtuner.errors import RunError
from kgtuner.files import WRITING, replacing
from kgtuner.models import Model


def save_parameters(model: Model, path: Path, fingerprint: str) -> None:
    """Write all parameters; the file appears whole or not at all.

    Raises:
        RunError: when the file cannot be written, as on a full disk.
    """
    with replacing(path) as partial:
        write_tensors(partial, model.state_dict(), {"graph": fingerprint})


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


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str] | None = None) -> None:
    """Write a .safetensors file.

    safetensors writes to a file of a random name first, and a kill would leave that behind for good, as large as a
    checkpoint. So it writes in a folder of its own, which the next write or the next sitting takes away.

    Raises:
        OSError: when it cannot be written; safetensors has an error of its own with the system's in its text.
    """
    plain = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    place = path.with_name(f"{WRITING}{path.stem}.partial")
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    try:
        save_file(plain, place / path.name, metadata=metadata)
        (place / path.name).rename(path)
    except SafetensorError as error:
        number = re.search(r"os error ([0-9]+)", str(error))
        if number is None:
            raise
        raise OSError(int(number[1]), os.strerror(int(number[1]))) from None
    finally:
        shutil.rmtree(place, ignore_errors=True)
