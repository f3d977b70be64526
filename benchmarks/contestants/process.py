"""A contestant in a process of its own, seen from inside and from its parent."""

from __future__ import annotations

import gc
import importlib.util
import multiprocessing
import os
import traceback
import warnings
from importlib import import_module
from multiprocessing.connection import Connection
from typing import Any

from contestants.rows import PEERS, ROWS


def installed(peer: str) -> bool:
    return importlib.util.find_spec(peer) is not None


def resident_mb() -> tuple[float | None, float | None]:
    """Resident memory now and its peak since the last reset, in MB; None where the system does not say."""
    try:
        with open("/proc/self/status", encoding="utf-8") as file:
            sizes = dict(line.split(":", 1) for line in file)
        return int(sizes["VmRSS"].split()[0]) / 1024, int(sizes["VmHWM"].split()[0]) / 1024
    except (OSError, KeyError):
        return None, None


def reset_peak() -> None:
    """Let the peak start from what is resident now."""
    gc.collect()
    try:
        with open("/proc/self/clear_refs", "w", encoding="utf-8") as file:
            file.write("5")
    except OSError:
        pass  # the peak then covers the making of the model too


def serve(
    connection: Connection,
    row: str,
    contestant: str,
    graph: str,
    threads: int,
    core: int | None,
    device_name: str,
) -> None:
    """The life of a contestant: build, say so, then one round for each number of seconds received."""
    import logging

    import numpy as np
    import torch

    import kgtuner as kt
    from contestants.timing import Round, Unavailable

    if core is not None:
        os.sched_setaffinity(0, range(core, core + threads))
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    np.random.seed(0)
    warnings.simplefilter("ignore")
    device = torch.device(device_name)
    try:
        module, build, settings = ROWS[row][contestant]
        if contestant in PEERS and not installed(contestant):
            raise Unavailable("not installed")
        if contestant in PEERS:
            logging.disable(logging.WARNING)
        builder = getattr(import_module(f"contestants.{module}"), build)
        work: Round = builder(kt.load_dataset(graph), device, **settings)
        _, built_mb = resident_mb()
        reset_peak()
        model_mb, _ = resident_mb()
        connection.send(("ready", None))
        while (seconds := connection.recv()) is not None:
            connection.send(("times", work(seconds)))
        _, peak_mb = resident_mb()
        memory = {"built_mb": built_mb, "model_mb": model_mb, "peak_mb": peak_mb}
        if device.type == "cuda":
            memory["cuda_mb"] = torch.cuda.max_memory_allocated(device) / 2**20
        connection.send(("memory", memory))
    except Unavailable as reason:
        connection.send(("unavailable", str(reason)))
    except (EOFError, ConnectionError):
        pass  # the parent stopped
    except Exception:  # handed to the parent, which stops with it
        connection.send(("failed", traceback.format_exc()))


class Contestant:
    """A contestant's process, from the parent's side."""

    def __init__(
        self, row: str, name: str, *, graph: str, threads: int, core: int | None, device: str
    ) -> None:
        self.name = name
        self.times: list[tuple[float, float]] = []
        spawn = multiprocessing.get_context("spawn")  # a fork would share the memory settings of its parent
        self._connection, theirs = spawn.Pipe()
        arguments = (theirs, row, name, graph, threads, core, device)
        self._process = spawn.Process(target=serve, args=arguments, daemon=True)
        self._process.start()
        theirs.close()
        self.missing: str | None = None

    def wait(self) -> None:
        """Until everything is built; before this, contestants are built side by side."""
        kind, value = self._receive()
        self.missing = value if kind == "unavailable" else None

    def round(self, seconds: float) -> None:
        self._connection.send(seconds)
        self.times += self._receive()[1]

    def finish(self) -> dict[str, float | None]:
        """Resident MB: the peak while building, with all built, the peak of the work; and the CUDA peak."""
        self._connection.send(None)
        memory: dict[str, float | None] = self._receive()[1]
        self._process.join()
        return memory

    def _receive(self) -> tuple[str, Any]:
        try:
            kind, value = self._connection.recv()
        except EOFError:
            raise SystemExit(f"{self.name} ended without an answer; perhaps out of memory") from None
        if kind == "failed":
            raise SystemExit(f"{self.name} failed:\n{value}")
        return kind, value
