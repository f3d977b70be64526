"""What an installed package brings along, read from a wheel built here."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    builders = pytest.importorskip("hatchling.builders.wheel", reason="hatchling comes with kgtuner[dev]")
    folder = tmp_path_factory.mktemp("dist")
    return Path(next(builders.WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])))


def test_wheel_has_every_card_and_configuration(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder in ("datasets", "configs"):
        here = [path.relative_to(ROOT).as_posix() for path in (ROOT / folder).rglob("*.yaml")]
        assert here, f"no YAML file below {folder}/"
        assert {f"kgtuner/_data/{path}" for path in here} <= names
    assert "kgtuner/py.typed" in names
    assert not [name for name in names if "__pycache__" in name]


def test_installed_package_reads_the_embedded_graph(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    code = "import kgtuner; print(kgtuner.__file__); print(len(kgtuner.load_dataset('world').train))"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    environment.pop("KGTUNER_DATA", None)
    command = [sys.executable, "-c", code]
    result = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    origin, n_train = result.stdout.split()
    assert Path(origin).is_relative_to(tmp_path)
    assert int(n_train) > 20_000
