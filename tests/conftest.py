"""What every test may ask for. One thread each: small tensors run faster, and results repeat exactly."""

from __future__ import annotations

import importlib.util
import os
import signal
import sys
from pathlib import Path
from types import ModuleType

import pytest

# Read when torch and the BLAS libraries are first imported, here and in processes that tests start.
for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"

# A shell starts what runs in its background with SIGINT ignored, and so would be what tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder with the benchmark graphs, from KGTUNER_DATA; without it the test is skipped."""
    given = os.environ.get("KGTUNER_DATA")
    if not given:
        pytest.skip("KGTUNER_DATA is unset; it names the folder with the benchmark graphs")
    folder = Path(given)
    if not folder.is_dir():
        pytest.fail(f"KGTUNER_DATA must be a folder, got {given!r}")
    return folder


@pytest.fixture(scope="session")
def ogb_layout() -> ModuleType:
    """benchmarks/generators/ogb_layout.py, which writes made-up graphs in OGB's files."""
    path = Path(__file__).parents[1] / "benchmarks" / "generators" / "ogb_layout.py"
    spec = importlib.util.spec_from_file_location("ogb_layout", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where its dataclasses look themselves up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def ogb_folders(ogb_layout: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A small graph in the layout of each OGB data set; nothing may write into them."""
    root = tmp_path_factory.mktemp("ogb")
    shape = ogb_layout.Shape
    types = {"disease": 20, "drug": 15, "function": 40, "protein": 30, "sideeffect": 15}
    shapes = (
        shape("ogbl-wikikg2", 150, 12, 1_200, 60, 80, negatives=50),
        shape("ogbl-biokg", 120, 11, 1_200, 60, 80, types, negatives=20),
    )
    return {one.name: ogb_layout.write_ogb_layout(root, one, seed=1) for one in shapes}
