"""Files of parameters: whole, and nothing beside them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from kgtuner.training import parameters
from kgtuner.training.parameters import write_tensors
from kgtuner.tuning.run_folder import RunFolder

KILLED = """
import os, sys
from pathlib import Path
from kgtuner.training import parameters

def save_file(tensors, path, metadata=None):
    (Path(path).parent / ".tmpA1b2C3").write_bytes(b"half of it")  # as safetensors names what it writes to
    os._exit(9)

parameters.save_file = save_file
parameters.write_tensors(Path(sys.argv[1]), {})
"""


def test_only_the_file_itself_is_left(tmp_path: Path) -> None:
    write_tensors(tmp_path / "a.safetensors", {"x": torch.ones(3)})
    assert [path.name for path in tmp_path.iterdir()] == ["a.safetensors"]


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def save_file(*args: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(parameters, "save_file", save_file)
    with pytest.raises(OSError, match="No space left"):
        write_tensors(tmp_path / "a.safetensors", {"x": torch.ones(3)})
    assert not list(tmp_path.iterdir())


def test_what_a_kill_left_half_written_is_taken_away_by_the_next_sitting(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.create()
    for target in (folder.checkpoint, folder.models / "checkpoint-3.safetensors"):
        ended = subprocess.run([sys.executable, "-c", KILLED, str(target)], check=False)
        assert ended.returncode == 9
        assert list(target.parent.rglob(".tmp*"))
    folder.lock()
    folder.unlock()
    assert not list(folder.path.rglob(".tmp*"))
    assert {path.name for path in folder.path.iterdir()} == {"models", "lock"}
