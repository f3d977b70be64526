"""The same command in two fresh processes: the same trials, and the same best model bit for bit."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

import kgtuner as kt
from kgtuner.tuning.result import TuneResult

CLOCK = ["seconds", "elapsed"]
"""Columns of the table of trials that no two runs share."""

PROGRAM = """\
import sys
import kgtuner as kt
import kgtuner.api.tuning
kgtuner.api.tuning.report_at_end = lambda path: None  # a page for people, seconds to make
kt.tune("world", model="complex", trials=6, max_steps=20, seed=3, output=sys.argv[1], executor=kt.Local(1))
"""


@pytest.mark.slow
def test_one_worker_and_a_number_of_trials_give_the_same_run_in_two_processes(tmp_path: Path) -> None:
    outputs = [tmp_path / "one", tmp_path / "two"]
    for number, output in enumerate(outputs):
        environment = {**os.environ, "PYTHONHASHSEED": str(number)}
        command = [sys.executable, "-c", PROGRAM, str(output)]
        subprocess.run(command, env=environment, check=True, capture_output=True, timeout=300)
    one, two = (kt.load_run(output) for output in outputs)
    assert isinstance(one, TuneResult)
    assert isinstance(two, TuneResult)
    assert set(one.trials["stage"]) == {"subgraph", "full"}
    assert len(one.trials) == 6
    pd.testing.assert_frame_equal(
        one.trials.drop(columns=CLOCK), two.trials.drop(columns=CLOCK), check_exact=True
    )
    assert one.best_config == two.best_config
    assert one.test == two.test
    first, second = (load_file(output / "best.safetensors") for output in outputs)
    assert first.keys() == second.keys()
    assert all(torch.equal(values, second[name]) for name, values in first.items())
