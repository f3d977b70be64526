"""The best parameters of a training, kept in memory or on disk."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file

from kgtuner.files import full_disk_told
from kgtuner.models import Model
from kgtuner.training.parameters import write_tensors

IN_MEMORY_BYTES = 2 << 30
"""Models above this size keep their best parameters in a file, if there is a place for it."""


class BestParameters:
    """A second copy of the parameters, replaced whenever a validation is the best so far.

    Args:
        model: whose parameters they are.
        file: where those of a large model are kept until they are restored; of this training alone.
    """

    def __init__(self, model: Model, file: Path | None = None) -> None:
        size = sum(p.numel() * p.element_size() for p in model.state_dict().values())
        self._file = file if size > IN_MEMORY_BYTES else None
        self._copy: dict[str, torch.Tensor] | None = None

    def keep(self, model: Model) -> None:
        """Copy the parameters that the model has now."""
        self.set(model.state_dict())

    def set(self, state: dict[str, torch.Tensor]) -> None:
        """Copy parameters given by name."""
        if self._file is not None:
            with full_disk_told(self._file):
                write_tensors(self._file, state)
            self._copy = {}
        elif self._copy is None:
            self._copy = {name: value.detach().clone() for name, value in state.items()}
        else:
            for name, value in state.items():
                self._copy[name].copy_(value)

    def restore(self, model: Model) -> None:
        """Put the best parameters back, for good where they were in a file; without any the model stays as it is."""
        if self._copy is not None:
            model.load_state_dict(self.tensors())
        if self._file is not None:
            self._file.unlink(missing_ok=True)
            self._copy = None

    def tensors(self) -> dict[str, torch.Tensor]:
        """The kept parameters by name; empty when none were kept."""
        return (
            load_file(self._file) if self._file is not None and self._copy is not None else (self._copy or {})
        )
