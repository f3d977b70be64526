"""Ctrl-C in a terminal, which reaches every process of the command, and SIGTERM, which reaches one: nothing is lost."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

import kgtuner as kt
from kgtuner.cli.main import main
from kgtuner.tuning.run_folder import RunFolder


def interrupted(
    arguments: Sequence[str], until: Path, said: str = "", pause: float = 0.0
) -> tuple[int, list[str]]:
    """Exit code and lines of standard error of a command interrupted as soon as a file is there and says that."""
    command = [sys.executable, "-m", "kgtuner.cli.main", *arguments]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    deadline = time.monotonic() + 60
    while not (until.exists() and said.encode() in until.read_bytes()):
        assert process.poll() is None, "the command ended before it could be interrupted"
        assert time.monotonic() < deadline
        time.sleep(0.005)
    time.sleep(pause)
    os.killpg(process.pid, signal.SIGINT)
    _, error = process.communicate(timeout=60)
    return process.returncode, error.splitlines()


@pytest.mark.parametrize(("file", "said"), [("study.sqlite", ""), ("log.txt", "TrialStarted")])
def test_tuning_interrupted_before_its_first_trial_has_ended_says_how_to_resume(
    file: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "my run"
    tune = ["tune", "world", "--trials", "2", "--one-stage", "--output", str(output)]
    code, lines = interrupted([*tune, "--max-steps", "100000"], output / file, said)
    assert code == 130
    hint = f"go on with it by: kgtuner tune --resume '{output}'"
    assert lines[-1] == f"kgtuner: interrupted; {output} is kept; {hint}"
    assert all(line.startswith("[") for line in lines[:-1])  # of the display
    assert main([*tune, "--max-steps", "9"]) == 4
    assert "holds a run already" in capsys.readouterr().err


def test_a_training_interrupted_before_its_first_validation_goes_on_by_the_same_command(
    tmp_path: Path,
) -> None:
    output = tmp_path / "run"
    train = ["train", "world", "--model", "distmult", "--output", str(output)]
    code, lines = interrupted(train, output / "run.json", pause=0.3)
    assert code == 130
    *before, last = lines
    assert last == f"kgtuner: interrupted; {output} is kept; give the same command again to go on"
    assert before in ([], ["world: train has 2 triples whose head is its tail"])  # if it had come so far


def test_a_run_interrupted_while_its_folder_is_made_leaves_a_run_or_a_place_for_one(tmp_path: Path) -> None:
    output = tmp_path / "run"
    code, lines = interrupted(["tune", "world", "--trials", "2", "--output", str(output)], output / "lock")
    assert code == 130
    assert lines[-1].startswith("kgtuner: interrupted")
    assert (output / "run.json").exists() or RunFolder(output).free


def running(session: int) -> list[psutil.Process]:
    """Processes of a session, but for those that have ended and were not asked about yet."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, ProcessLookupError):
            if os.getsid(process.pid) == session and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


@pytest.mark.slow
def test_a_run_that_is_terminated_reports_its_best_and_leaves_no_process_and_no_shared_memory(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "run"
    options = [
        "--trials",
        "100",
        "--max-steps",
        "300",
        "--one-stage",
        "--algorithm",
        "random",
        "--workers",
        "2",
        "--json",
    ]
    command = [sys.executable, "-m", "kgtuner.cli.main", "tune", "world", *options, "--output", str(output)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    log, deadline = output / "log.txt", time.monotonic() + 60
    while not (log.exists() and re.search(r"TrialEnded\(.*value=[0-9]", log.read_text())):
        assert process.poll() is None, "the command ended before it could be terminated"
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert main(["tune", "--resume", str(output)]) == 4  # there is one coordinator already
    assert f"another process is working in {output}; wait for it" in capsys.readouterr().err
    workers = [p for p in running(process.pid) if p.pid != process.pid]
    assert len(workers) >= 2
    for each in (process.pid, *(p.pid for p in workers)):
        assert "/dev/shm" not in Path(f"/proc/{each}/maps").read_text()  # so none can be left there
    process.terminate()
    answer, error = process.communicate(timeout=60)
    assert process.returncode == 130, error
    deadline = time.monotonic() + 10
    while (left := running(process.pid)) and time.monotonic() < deadline:
        time.sleep(0.05)  # Python's tracker of shared memory ends when it sees that its parent has
    assert left == []
    told = json.loads(answer)
    assert told["stopped_by"] == "interrupted"
    assert told["valid"]["mrr"] > 0
    assert kt.load_run(output).best_config.model.name == "complex"
