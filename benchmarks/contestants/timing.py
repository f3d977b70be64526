"""How a contestant's work is timed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

import kgtuner as kt

# What a contestant hands back: a function that makes about so many seconds of steps and returns, for each step,
# (seconds, units). Units are queries for training and rankings of the whole validation split for evaluation.
Round = Callable[[float], list[tuple[float, float]]]

AT_ONCE_ON_CUDA = 20
"""Steps between two waits for a CUDA device: it works on while the next steps are handed to it."""
RANKING_BATCHES = (1, 8, 32)
"""Triples that a peer may rank at once: each gets the fastest of these, tried before its time is taken."""


class Unavailable(Exception):
    """A contestant that cannot take part here, and why."""


def wait_for(device: torch.device) -> None:
    """Until the device has done all that it was given; the CPU always has."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def stepping(
    step: Callable[[], int], around: Callable[[], Any], device: torch.device, *, warm: bool = True
) -> Round:
    """Rounds of steps for so many seconds, at least two; before them two that only warm up.

    On a CUDA device several steps are timed together, from one wait to the next, and each gets an equal part.
    """
    at_once = AT_ONCE_ON_CUDA if device.type == "cuda" and warm else 1

    def some(seconds: float) -> list[tuple[float, float]]:
        times: list[tuple[float, float]] = []
        with around():
            for _ in range(2 if warm else 0):
                step()
            wait_for(device)
            began = time.perf_counter()
            while len(times) < 2 or time.perf_counter() - began < seconds:
                started = time.perf_counter()
                units = sum(step() for _ in range(at_once))
                wait_for(device)
                times.append(((time.perf_counter() - started) / at_once, units / at_once))
        return times

    return some


def scaled(graph: kt.KnowledgeGraph, sample: int, seconds: Callable[[Tensor, int], float]) -> Round:
    """One time a round for all validation triples, from a sample of them.

    The time of one batch alone is subtracted from that of the sample, so that what a call costs apart
    from its triples counts once and is not scaled.

    Args:
        sample: validation triples that are ranked.
        seconds: how long ranking some triples takes, so many at once.
    """
    valid = torch.as_tensor(np.array(graph.valid))
    valid = valid[torch.randperm(len(valid), generator=torch.Generator().manual_seed(0))]
    few = max(RANKING_BATCHES)
    count = min(sample, len(valid) - few)
    if count <= 0:
        raise Unavailable(f"{graph.name} has too few validation triples")
    seconds(valid[:few], 1)
    batch = min(RANKING_BATCHES, key=lambda size: seconds(valid[:few], size))

    def some(_: float) -> list[tuple[float, float]]:
        base = seconds(valid[:batch], batch)
        more = seconds(valid[: batch + count], batch) - base
        return [(base + more * (len(valid) - batch) / count, 1.0)]

    return some
