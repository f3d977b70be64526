"""Workers that start at once, and workers in whose trainings something goes wrong."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch

from kgtuner.execution import local_slot
from kgtuner.execution.local import Local
from kgtuner.execution.process import serve
from kgtuner.training.trainer import Trainer

KINDS = ("nan", "out of memory", "hang that sleeps", "hang that is stopped")


def start_by_forking() -> None:
    """Fork the processes of local workers instead of spawning them: the same program, without 3 s of imports."""
    local_slot.METHOD = "fork"


class Faulty(Local):
    """Local workers in whose trainings something goes wrong at random.

    Args:
        told: a file that gets a line for each fault.
        share: of the trainings that go wrong.
        seed: decides which do, and how.
    """

    def __init__(self, workers: int, *, told: Path, share: float, seed: int, **options: Any) -> None:
        super().__init__(workers, **options)
        self._fault = Fault(told, share, seed)

    def entry(self) -> Callable[[Connection, int], None]:
        return self._fault


class Fault:
    """Serves tasks like any worker, but for the first step of some trainings."""

    def __init__(self, told: Path, share: float, seed: int) -> None:
        self.told, self.share, self.seed = told, share, seed

    def __call__(self, connection: Connection, parent: int) -> None:
        chance = random.Random(f"{self.seed} {os.getpid()} {time.monotonic_ns()}")
        whole = Trainer.train_batch

        def train_batch(trainer: Trainer, batch: torch.Tensor) -> torch.Tensor:
            if trainer.progress.step == 0 and chance.random() < self.share:
                kind = chance.choice(KINDS)
                with open(self.told, "a", encoding="utf-8") as file:
                    file.write(kind + "\n")
                if kind == "nan":
                    with torch.no_grad():
                        trainer.model.entities.fill_(float("nan"))
                elif kind == "out of memory":
                    raise MemoryError
                elif kind == "hang that is stopped":
                    os.kill(os.getpid(), signal.SIGSTOP)
                else:
                    time.sleep(3600)
            return whole(trainer, batch)

        Trainer.train_batch = train_batch  # type: ignore[method-assign]
        serve(connection, parent)
