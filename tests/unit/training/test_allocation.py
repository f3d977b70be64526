from __future__ import annotations

import subprocess
import sys

import pytest

from kgtuner.training.allocation import keeping_freed_memory

COUNT_MAPPINGS = """
import re, subprocess, sys
import torch
from kgtuner.training.allocation import keeping_freed_memory

def faults():
    import resource
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def churn():
    before = faults()
    for _ in range(50):
        torch.empty(12_000_000).fill_(1.0)
    return faults() - before

churn()
outside = churn()
with keeping_freed_memory():
    churn()
    inside = churn()
print(outside, inside)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only the GNU C library on Linux is spoken to")
def test_large_blocks_are_used_again_without_the_system_clearing_their_pages() -> None:
    ended = subprocess.run([sys.executable, "-c", COUNT_MAPPINGS], capture_output=True, text=True, check=True)
    outside, inside = map(int, ended.stdout.split())
    assert outside > 200  # page faults
    assert inside < outside / 20


def test_settings_are_given_back_when_the_body_fails() -> None:
    with pytest.raises(ZeroDivisionError), keeping_freed_memory():
        raise ZeroDivisionError
    with keeping_freed_memory():  # works again
        pass
