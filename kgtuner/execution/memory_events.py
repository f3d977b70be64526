"""How often Linux has killed a process of ours for want of memory."""

from __future__ import annotations

import re
from pathlib import Path

COUNTERS = (
    (Path("/sys/fs/cgroup/memory.events"), r"^oom_kill (\d+)$"),  # of our container, cgroup v2
    (Path("/proc/vmstat"), r"^oom_kill (\d+)$"),  # of the machine
)


def kills_for_memory() -> int:
    """A count that grows by one or more with each such kill; 0 where the system does not tell.

    A signal 9 alone does not say who sent it. A count that grew while a worker ran does.
    """
    total = 0
    for path, pattern in COUNTERS:
        try:
            found = re.search(pattern, path.read_text(encoding="ascii"), re.MULTILINE)
        except (OSError, ValueError):
            continue
        total += int(found[1]) if found else 0
    return total
