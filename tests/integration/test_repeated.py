"""The same command in two fresh processes: the same trials, and the same best model bit for bit."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import torch
from safetensors.torch import load_file

import kgtuner as kt

CLOCK = ["seconds", "elapsed"]
"""Columns of the table of trials that no two runs share."""


def begin(output: Path, hash_seed: int) -> subprocess.Popen[bytes]:
    options = ["--trials", "8", "--max-steps", "30", "--workers", "1", "--seed", "3"]
    command = [sys.executable, "-m", "kgtuner.cli.main", "tune", "world", *options, "--output", str(output)]
    environment = {**os.environ, "PYTHONHASHSEED": str(hash_seed)}
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def test_one_worker_and_a_number_of_trials_give_the_same_run_in_two_processes(tmp_path: Path) -> None:
    outputs = [tmp_path / "one", tmp_path / "two"]
    assert [process.wait(120) for process in [begin(o, n) for n, o in enumerate(outputs)]] == [0, 0]
    one, two = (kt.load_run(output) for output in outputs)
    assert isinstance(one, kt.TuneResult)
    assert isinstance(two, kt.TuneResult)
    assert set(one.trials["stage"]) == {"subgraph", "full"}
    assert len(one.trials) == 8
    pd.testing.assert_frame_equal(
        one.trials.drop(columns=CLOCK), two.trials.drop(columns=CLOCK), check_exact=True
    )
    assert one.best_config == two.best_config
    assert one.test == two.test
    first, second = (load_file(output / "best.safetensors") for output in outputs)
    assert first.keys() == second.keys()
    assert all(torch.equal(values, second[name]) for name, values in first.items())
