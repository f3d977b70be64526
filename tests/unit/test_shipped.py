"""kgtuner.shipped: where data cards and configurations are."""

from __future__ import annotations

from pathlib import Path

import pytest

from kgtuner import shipped
from kgtuner.shipped import shipped_folder


def test_checkout_has_its_folders_beside_the_package() -> None:
    root = Path(__file__).resolve().parents[2]
    assert shipped_folder("datasets") == root / "datasets"
    assert shipped_folder("configs") == root / "configs"


def test_installed_package_has_them_inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped, "PACKAGE", tmp_path / "site" / "kgtuner")
    inside = tmp_path / "site" / "kgtuner" / "_data" / "configs"
    inside.mkdir(parents=True)
    (tmp_path / "site" / "configs").mkdir()  # another package's, no business of ours
    assert shipped_folder("configs") == inside
