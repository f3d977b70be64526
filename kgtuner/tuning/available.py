"""How much memory this process may still take: of the machine, of its container, and of what the user allows."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

import psutil

from kgtuner.errors import ConfigError

LIMIT = "KGTUNER_MEMORY"
"""Environment variable with what one run may take in all, such as 16GB."""

UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
CGROUP = Path("/sys/fs/cgroup")


def available_bytes(
    environment: Mapping[str, str] = os.environ,
    cgroup: Path = CGROUP,
    *,
    yet_to_take: float = 0.0,
    planned: float = 0.0,
) -> float:
    """The least of what is free on the machine, below the limit of the container, and below `KGTUNER_MEMORY`.

    Args:
        yet_to_take: bytes that trainings under way will take and have not yet; negative for bytes that they hold and
            that count as free.
        planned: bytes of all trainings under way, which are a part of what `KGTUNER_MEMORY` allows.

    Raises:
        ConfigError: when `KGTUNER_MEMORY` is no size.
    """
    rooms = [float(psutil.virtual_memory().available) - yet_to_take]
    own = container_room(cgroup)
    if own is not None:
        rooms.append(own - yet_to_take)
    if given := environment.get(LIMIT):
        rooms.append(size_in_bytes(given) - planned)
    return max(0.0, min(rooms))


def container_room(cgroup: Path) -> float | None:
    """What a control group (version 2) leaves; None where there is no limit. Cached files can be dropped."""
    try:
        limit = (cgroup / "memory.max").read_text(encoding="ascii").strip()
        used = int((cgroup / "memory.current").read_text(encoding="ascii"))
        stat = (cgroup / "memory.stat").read_text(encoding="ascii")
    except (OSError, ValueError):
        return None
    if not limit.isdigit():
        return None  # "max"
    cached = re.search(r"^inactive_file (\d+)$", stat, re.MULTILINE)
    return float(int(limit) - used + (int(cached[1]) if cached else 0))


def size_in_bytes(text: str) -> float:
    """ "16GB", "500M" or plain bytes."""
    found = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([KMGT]?)i?B?\s*", text, re.IGNORECASE)
    if found is None or not float(found[1]) > 0:
        raise ConfigError(f"{LIMIT} must be a size such as 16GB or 500M, got {text!r}")
    return float(found[1]) * UNITS[found[2].upper()]
