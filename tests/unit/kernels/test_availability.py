"""Which arithmetic a process uses, and where compiled code is kept."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kgtuner import kernels
from kgtuner.errors import ConfigError

COMPILE = """
import numpy as np
from kgtuner.kernels.grouping import stable_order
stable_order(np.arange(3))
print(sum(stable_order.stats.cache_hits.values()), sum(stable_order.stats.cache_misses.values()))
"""


def test_off_means_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(kernels.VARIABLE, "off")
    assert not kernels.available()
    assert kernels.described() == "torch"


def test_without_numba_auto_means_torch_and_on_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "installed", lambda: False)
    monkeypatch.delenv(kernels.VARIABLE, raising=False)
    assert not kernels.available()
    monkeypatch.setenv(kernels.VARIABLE, "on")
    with pytest.raises(ConfigError, match="KGTUNER_KERNELS is on, but numba is not installed"):
        kernels.available()


def test_other_setting_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(kernels.VARIABLE, "yes")
    with pytest.raises(ConfigError, match="KGTUNER_KERNELS must be one of auto, on, off, got 'yes'"):
        kernels.available()


def test_importing_the_parts_imports_no_numba() -> None:
    code = "import sys, kgtuner.experiment, kgtuner.training.negative_sampling; print('numba' in sys.modules)"
    assert run(code) == "False"


def test_without_numbas_compiler_the_kernels_are_plain_python() -> None:
    pytest.importorskip("numba", reason="the kernels need numba")
    code = "import numpy as np; from kgtuner.kernels.grouping import stable_order; print(type(stable_order).__name__)"
    assert run(code, NUMBA_DISABLE_JIT="1") == "function"


def test_ctrl_c_waits_until_a_kernel_is_compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numba", reason="the kernels need numba")
    from numba.core import config, event

    from kgtuner.kernels.compiling import compiled

    class Interrupts(event.Listener):  # type: ignore[misc]  # numba has no types
        def on_start(self, event: object) -> None:
            signal.raise_signal(signal.SIGINT)

        def on_end(self, event: object) -> None:
            pass

    def added(one: int, other: int) -> int:
        return one + other

    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path))
    kernel: Any = compiled(added)
    listener = Interrupts()
    event.register("numba:compile", listener)
    try:
        with pytest.raises(KeyboardInterrupt):
            kernel(1, 2)
    finally:
        event.unregister("numba:compile", listener)
    assert len(kernel.signatures) == 1
    assert kernel(1, 2) == 3


@pytest.mark.slow
def test_second_process_finds_what_the_first_one_compiled(tmp_path: Path) -> None:
    pytest.importorskip("numba", reason="the kernels need numba")
    assert [run(COMPILE, XDG_CACHE_HOME=str(tmp_path)) for _ in "12"] == ["0 1", "1 0"]
    assert list(tmp_path.glob("kgtuner/kernels/*/*/grouping.stable_order*.nbi"))


@pytest.mark.slow
def test_without_a_folder_to_write_to_each_process_compiles(tmp_path: Path) -> None:
    pytest.importorskip("numba", reason="the kernels need numba")
    place = tmp_path / "file"
    place.touch()
    script = f"""
from pathlib import Path
from numba.core import caching
from kgtuner.kernels import compiling
compiling.cache_folder = lambda: Path({str(place)!r})
caching.CacheImpl._locator_classes = [caching.UserProvidedCacheLocator]
"""
    assert [run(script + COMPILE) for _ in "12"] == ["0 1", "0 1"]


def run(code: str, **environment: str) -> str:
    command = [sys.executable, "-c", code]
    return subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, check=True
    ).stdout.strip()


TRAIN = """
from pathlib import Path
import torch
import kgtuner as kt
from kgtuner import kernels
from kgtuner.experiment import compile_kernels, run
assert kernels.cold()
compile_kernels(torch.device("cpu"))
assert not kernels.cold()
compiled = {path.name for path in kernels.cache_folder().rglob("*.nb?")}
graph = kt.load_dataset("world")
for model, negatives, optimizer in (("rotate", "independent", "adagrad"), ("transe", "shared", "sgd")):
    changes = {"training.mode": "negative_sampling", "negatives.name": negatives, "optimizer.name": optimizer}
    config = kt.default_config(model).updated(changes).limited(max_steps=2, validate_every=2, max_valid_triples=10)
    run(config, graph, device="cpu")
print({path.name for path in kernels.cache_folder().rglob("*.nb?")} == compiled)
"""


@pytest.mark.slow
def test_a_training_compiles_nothing_that_was_not_compiled_before_its_clock(tmp_path: Path) -> None:
    pytest.importorskip("numba", reason="the kernels need numba")
    assert run(TRAIN, XDG_CACHE_HOME=str(tmp_path), KGTUNER_KERNELS="on") == "True"
