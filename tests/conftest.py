"""What every test may ask for. One thread each: small tensors run faster, and results repeat exactly."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Read when torch and the BLAS libraries are first imported, here and in processes that tests start.
for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"


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
