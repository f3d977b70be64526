"""The worker process, seen from outside."""

from __future__ import annotations

import multiprocessing
import re
import signal
from pathlib import Path

from kgtuner.execution.local import Local


def test_a_worker_never_hears_ctrl_c_not_even_while_it_starts() -> None:
    here = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    before = set(multiprocessing.active_children())
    worker = Local()
    worker.start()
    try:
        (process,) = set(multiprocessing.active_children()) - before
        status = Path(f"/proc/{process.pid}/status").read_text()
    finally:
        worker.close(kill=True)
    blocked = re.search(r"^SigBlk:\s*([0-9a-f]+)$", status, re.MULTILINE)
    assert blocked is not None
    assert int(blocked[1], 16) >> (signal.SIGINT - 1) & 1
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == here  # we still hear it
