"""The data that comes with KGTuner: data set cards and configurations."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

PACKAGE = Path(__file__).parent


def shipped_folder(name: Literal["datasets", "configs"]) -> Path:
    """`kgtuner/_data/<name>` of an installed package, else `<name>/` of the checkout."""
    installed = PACKAGE / "_data" / name
    return installed if installed.is_dir() else PACKAGE.parent / name
