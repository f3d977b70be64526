"""What every benchmark writes down beside its figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


def write(name: str, figures: dict[str, Any]) -> Path:
    """Write benchmarks/results/<name>.json with versions and hardware."""
    from kgtuner.tuning.run_folder import environment

    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps({"environment": environment(), **figures}, indent=1) + "\n", encoding="utf-8")
    return path
