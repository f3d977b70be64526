"""A disk that fills up: one sentence, exit code 4, and a run that goes on once there is space again."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import kgtuner as kt
from kgtuner.cli.main import main
from kgtuner.report import display
from kgtuner.tuning.events import Event, Silent, TrialEnded, TrialStarted

SPACE = """\
base: reduced
parameters: {model.dimension: 16, negatives.num_negatives: 32}
"""


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A graph of 2,000 entities on a ring, large enough for a subgraph, and a small space."""
    folder = tmp_path_factory.mktemp("inputs")
    steps = (1, -1, 2, -2, 3, -3, 5, -5, 7, -7)
    lines = [f"{i}\tr{step}\t{(i + step) % 2000}\n" for step in steps for i in range(2000)]
    (folder / "ring.tsv").write_text("".join(lines))
    (folder / "space.yaml").write_text(SPACE)
    return folder


@pytest.fixture
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A real file system of so many kB; where nobody may mount, the limit of file size below is tested alone."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={request.param}k", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("mounting a small disk needs root; a limit of file size stands in for it")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def arguments(inputs: Path, output: Path) -> list[str]:
    options = "--model distmult --trials 4 --max-steps 20"
    tune = ["tune", str(inputs / "ring.tsv"), "--space", str(inputs / "space.yaml"), *options.split()]
    return [*tune, "--output", str(output)]


class Filling:
    """Fills the disk but for some kB when a trial of a stage starts or ends."""

    def __init__(self, folder: Path, moment: type[Event], stage: str, spare: int) -> None:
        self.folder, self.moment, self.stage, self.spare = folder, moment, stage, spare

    def notify(self, event: Event, elapsed: float, remaining: float | None) -> None:
        filler = self.folder / "filler"
        if isinstance(event, self.moment) and event.stage == self.stage and not filler.exists():
            with open(filler, "wb", buffering=0) as file:
                left = os.statvfs(self.folder).f_bavail * os.statvfs(self.folder).f_frsize
                file.write(b"\0" * (left - 1024 * self.spare))


def one_sentence(error: str) -> str:
    """The only line that tells what went wrong."""
    assert "Traceback" not in error
    (line,) = [line for line in error.splitlines() if line.startswith("kgtuner: ")]
    return line


@pytest.mark.parametrize("disk", [150], indirect=True)
def test_a_graph_that_does_not_fit_leaves_nothing_behind(
    disk: Path, inputs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments(inputs, disk / "run")) == 4
    assert "No space left on device" in one_sentence(capsys.readouterr().err)
    assert os.listdir(disk) == []  # so the same command is not refused for a folder that is used


@pytest.mark.slow
@pytest.mark.parametrize("disk", [16_000], indirect=True)
def test_a_disk_that_fills_up_is_one_sentence_and_the_run_goes_on_when_there_is_space(
    disk: Path, inputs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Found out by the database first, by the worker that writes a model in the second sitting.
    sittings = iter([(TrialEnded, "full", 4), (TrialStarted, "full", 40), None])

    @contextmanager
    def watching(*args: Any) -> Iterator[Any]:
        filling = next(sittings)
        yield Silent() if filling is None else Filling(disk, *filling)

    monkeypatch.setattr(display, "watching", watching)
    command = arguments(inputs, disk / "run")
    for _ in range(2):
        assert main(command) == 4
        assert re.search("No space left on device|disk is full", one_sentence(capsys.readouterr().err))
        (disk / "filler").unlink()
        command = ["tune", "--resume", str(disk / "run")]
    assert main(command) == 0
    result = kt.load_run(disk / "run")
    assert result.trials["value"].notna().sum() == 4
    assert kt.evaluate(result).overall == result.test.overall


@pytest.mark.slow
def test_a_file_that_may_not_grow_is_one_sentence(inputs: Path, tmp_path: Path) -> None:
    script = (
        "import resource, sys\n"
        "from kgtuner.cli.main import main\n"
        "if __name__ == '__main__':\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, resource.RLIM_INFINITY))\n"
        "    sys.exit(main())\n"
    )
    (tmp_path / "limited.py").write_text(script)
    command = [sys.executable, tmp_path / "limited.py", *arguments(inputs, tmp_path / "run")]
    process = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert process.returncode == 4, process.stderr
    assert re.search("File too large|No space left|disk is full", one_sentence(process.stderr))
    assert kt.KnowledgeGraph.load(tmp_path / "run" / "graph").n_entities == 2000
