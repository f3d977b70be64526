"""What every benchmark writes down beside its figures."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
PACKAGE = Path(__file__).parents[1] / "kgtuner"


def write(name: str, figures: dict[str, Any], *, device: str = "cpu") -> Path:
    """Write benchmarks/results/<name>.json with versions and hardware; whole or not at all."""
    from kgtuner.files import replacing
    from kgtuner.tuning.run_folder import environment

    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    described: dict[str, Any] = {**environment(), "source": source()}
    if device != "cpu":
        import torch

        described["gpu"] = torch.cuda.get_device_name(device)
    text = json.dumps({"environment": described, **figures}, indent=1) + "\n"
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")
    return path


def source() -> str:
    """A short digest of the package's code: figures with another one were measured with other code."""
    digest = hashlib.sha256()
    for file in sorted(PACKAGE.rglob("*.py")):
        digest.update(file.relative_to(PACKAGE).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def require_device(name: str) -> None:
    """End with one sentence when this machine does not have the device."""
    from kgtuner.errors import ConfigError
    from kgtuner.experiment import pick_device

    try:
        pick_device(name)
    except ConfigError as error:
        raise SystemExit(str(error)) from None
