"""Files appear whole, reach the disk in the right order, and a full disk is one sentence."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from kgtuner.errors import RunError
from kgtuner.files import full_disk_told, replacing
from kgtuner.models import MODELS
from kgtuner.training.parameters import load_parameters, save_parameters
from kgtuner.tuning.run_folder import RunFolder


def write_text(folder: Path) -> Path:
    RunFolder(folder).write_text("run.json", "{}")
    return folder / "run.json"


def write_model(folder: Path) -> Path:
    save_parameters(MODELS["distmult"](3, 2, 4), folder / "best.safetensors", "a graph")
    return folder / "best.safetensors"


WRITERS = pytest.mark.parametrize("write", [write_text, write_model])


@WRITERS
def test_a_file_is_on_disk_before_it_has_its_name_and_its_name_is_on_disk_afterwards(
    write: Callable[[Path], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[tuple[str, str]] = []
    fsync, replace = os.fsync, os.replace

    def spy_fsync(descriptor: int) -> None:
        done.append(("fsync", os.path.basename(os.readlink(f"/proc/self/fd/{descriptor}"))))
        fsync(descriptor)

    def spy_replace(source: Path, target: Path) -> None:
        done.append(("replace", Path(target).name))
        replace(source, target)

    monkeypatch.setattr(os, "fsync", spy_fsync)
    monkeypatch.setattr(os, "replace", spy_replace)
    target = write(tmp_path)
    assert done == [
        ("fsync", target.name + ".partial"),
        ("replace", target.name),
        ("fsync", tmp_path.name),
    ]
    assert os.listdir(tmp_path) == [target.name]


@WRITERS
@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (errno.ENOSPC, "No space left on device; free some space and resume"),
        (errno.EIO, "Input/output error"),
    ],
)
def test_what_cannot_be_written_leaves_the_old_file_and_no_other(
    write: Callable[[Path], Path], number: int, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = write(tmp_path)
    before = target.read_bytes()

    def fail(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(RunError) as caught:
        write(tmp_path)
    assert str(caught.value) == f"cannot write {target}: {sentence}"
    assert target.read_bytes() == before
    assert os.listdir(tmp_path) == [target.name]


def test_an_interruption_leaves_no_half_written_file(tmp_path: Path) -> None:
    def write() -> None:
        with replacing(tmp_path / "a") as partial:
            partial.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write()
    assert os.listdir(tmp_path) == []


def test_a_model_comes_back_as_it_was_written(tmp_path: Path) -> None:
    model, other = MODELS["distmult"](3, 2, 4), MODELS["distmult"](3, 2, 4)
    model.initialize(torch.Generator().manual_seed(0))
    save_parameters(model, tmp_path / "m.safetensors", "a graph")
    load_parameters(other, tmp_path / "m.safetensors", "a graph")
    assert torch.equal(model.entities, other.entities)


def test_only_errors_of_a_full_disk_are_told_so(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="No space left on device; free some space"), full_disk_told(tmp_path):
        raise OSError("16000 requested and 4096 written")  # NumPy, without an error number
    with pytest.raises(BrokenPipeError), full_disk_told(tmp_path):
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")
