"""Trains on a Ray cluster: an existing one by its address, or one of this machine alone. The only file that knows Ray.

Ray Core, not Ray Tune: each trial is a task with its CPUs and GPUs, and what it tells comes back as a stream.
The run folder has to lie where all nodes see it under the same path: graphs are mapped from there, once for each
process, and a training that lost its node goes on elsewhere from its checkpoint there.
"""

from __future__ import annotations

import logging
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from typing import Any, ClassVar

from kgtuner.errors import ConfigError
from kgtuner.execution.executor import Executor, Job, SlotHealth
from kgtuner.execution.tasks import Alive, Done, Failed, Message, Resources, Task
from kgtuner.types import Clock

SILENT_SECONDS = 60.0
"""Without a sign of life for so long a training that had begun counts as hanging."""

ANSWER_SECONDS = 60.0
"""For so long a cluster has to answer."""

OBJECT_STORE_BYTES = 100 << 20  # of a cluster of our own: what trials tell is small

PROBE = "import ray, sys; ray.init(address=sys.argv[1], log_to_driver=False, logging_level='ERROR')"


class Ray(Executor):
    """Trains wherever a Ray cluster has room.

    Args:
        address: of the head node, such as "10.0.0.1:6379", or "auto" for the cluster of this machine; None starts
            one of our own with room for `workers` trials, which ends with us.
        workers: trials at once; None for as many as the cluster has room for, and one for a cluster of our own.
        gpus: GPUs of a trial; a fraction lets several share one.
        silent_after: seconds without a sign of life after which a training counts as hanging.
        clock: seconds that only grow.
    """

    NAME: ClassVar[str] = "ray"

    def __init__(
        self,
        address: str | None = None,
        *,
        workers: int | None = None,
        gpus: float = 0.0,
        silent_after: float = SILENT_SECONDS,
        clock: Clock = time.monotonic,
    ) -> None:
        if workers is not None and workers < 1:
            raise ConfigError(f"workers must be at least 1, got {workers}")
        if gpus < 0:
            raise ConfigError(f"gpus must not be negative, got {gpus}")
        if address is not None and not re.fullmatch(r"auto|(\[[0-9a-fA-F:]+\]|[\w.-]+):[0-9]{1,5}", address):
            raise ConfigError(
                f"a Ray address is a host and a port such as 10.0.0.1:6379, or auto, got {address!r}"
            )
        self.address = address
        self.workers = workers
        self.slots = workers or 1
        self.gpus = gpus
        self.silent_after = silent_after
        self.clock = clock
        self.here = address is None
        self._streams: dict[Any, Job] = {}
        self._heard: dict[Job, float] = {}
        self._rss: dict[Job, float] = {}
        self._ours = False
        self._counted = False

    def start(self) -> None:
        if find_spec("ray") is None:
            raise ConfigError("the executor ray needs an extra: pip install 'kgtuner[ray]'")
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # else a FutureWarning about it
        os.environ.setdefault("RAY_worker_niceness", "0")  # 15 as Ray has it starves beside any other work
        import ray

        if ray.is_initialized():
            self._count()
            return
        quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
        with _own_signal_handlers():
            if self.address is None:
                options: dict[str, Any] = {
                    "address": "local",  # not one whose traces lie in the temporary folder
                    "num_cpus": self.slots * self.cpus,
                    "object_store_memory": OBJECT_STORE_BYTES,
                    "include_dashboard": False,
                }
            else:
                _require_answer(self.address)
                options = {"address": self.address}
            try:
                ray.init(**options, **quiet)
            except Exception as error:  # of many kinds: a port that is taken, another version, a full disk
                what = "no Ray cluster can be started here" if self.here else f"cannot join {self.address}"
                raise ConfigError(f"{what}: {type(error).__name__}: {_line(error)}") from error
        self._ours = True
        self._count()

    def _count(self) -> None:
        """How many trials the cluster has room for: what one takes has to be free on a single node.

        Raises:
            ConfigError: when there is none, or at first less than for `workers`.
        """
        import ray

        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        room = sum(self._room(node.get("CPU", 0.0), node.get("GPU", 0.0)) for node in nodes)
        has = " and ".join(f"{sum(n.get(kind, 0.0) for n in nodes):g} {kind}s" for kind in ("CPU", "GPU"))
        if room < 1:
            raise ConfigError(
                f"a trial needs {self.cpus} CPUs and {self.gpus:g} GPUs of one node; the Ray cluster has {has}"
            )
        if self.workers is not None and self.workers > room and not self._counted:  # later a node may be lost
            raise ConfigError(
                f"{self.workers} workers with {self.cpus} CPUs and {self.gpus:g} GPUs each do not fit into the "
                f"Ray cluster, which has {has}: give --workers {room} at most, or fewer --threads"
            )
        self._counted = True
        if self.workers is None and self.address is not None:
            self.slots = room

    def _room(self, cpus: float, gpus: float) -> int:
        """Trials at once on a node."""
        room = int(cpus // self.cpus)
        return min(room, int(gpus / self.gpus)) if self.gpus else room

    def submit(self, task: Task, resources: Resources) -> Job:
        self.cpus = max(self.cpus, resources.cpus)
        self.start()
        import ray

        from kgtuner.execution.ray_task import answers

        remote = ray.remote(answers).options(
            num_cpus=resources.cpus,
            num_gpus=resources.gpus or self.gpus,
            num_returns="streaming",
            max_retries=0,  # whether a trial is worth another try is not Ray's to say
        )
        job = Job(task, resources, "ray")
        self._streams[remote.remote(task)] = job
        return job

    def wait(self, seconds: float) -> list[tuple[Job, Message]]:
        import ray

        if not self._streams:
            time.sleep(seconds)
            return []
        ready, _ = ray.wait(list(self._streams), num_returns=1, timeout=seconds, fetch_local=False)
        found: list[tuple[Job, Message]] = []
        for stream in ready:
            found += self._next(stream)
        now = self.clock()
        for job, heard in list(self._heard.items()):
            if now - heard > self.silent_after:
                self.cancel(job)
                told = f"the worker gave no sign of life for {now - heard:.0f} s and was stopped"
                found.append((job, Failed("Hung", told)))
        return found

    def _next(self, stream: Any) -> list[tuple[Job, Message]]:
        """One message of a stream, or how it broke off."""
        import ray
        from ray import exceptions

        job = self._streams[stream]
        message: Message
        try:
            message = ray.get(next(stream))
        except StopIteration:
            message = Failed("WorkerDied", "the training ended without a word")
        except exceptions.OutOfMemoryError as error:
            message = Failed("OutOfMemory", f"Ray stopped the training for want of memory: {_line(error)}")
        except (exceptions.NodeDiedError, exceptions.ObjectLostError) as error:
            message = Failed("WorkerDied", f"the node was lost: {_line(error)}")
        except exceptions.WorkerCrashedError as error:
            message = Failed("WorkerDied", f"the worker was killed or broke down: {_line(error)}")
        except exceptions.RayTaskError as error:  # of what runs before and after the task, e.g. an import
            message = Failed("WorkerDied", f"the worker cannot work: {_line(error)}")
        except exceptions.RayError as error:
            message = Failed("WorkerDied", _line(error))
        self._heard[job] = self.clock()
        if isinstance(message, Alive):
            self._rss[job] = message.rss_mb
            return []
        if isinstance(message, Done | Failed):
            self._forget(job)
        return [(job, message)]

    def _forget(self, job: Job) -> None:
        self._streams = {stream: other for stream, other in self._streams.items() if other is not job}
        self._heard.pop(job, None)
        self._rss.pop(job, None)

    def cancel(self, job: Job) -> None:
        import ray

        for stream, other in self._streams.items():
            if other is job:
                with suppress(ray.exceptions.RayError, ValueError, TypeError):  # it has ended meanwhile
                    ray.cancel(stream, force=True)
        self._forget(job)

    def health(self) -> list[SlotHealth]:
        now = self.clock()
        busy = [
            SlotHealth(job.place, True, None, self._rss.get(job, 0.0), now - self._heard.get(job, now))
            for job in self._streams.values()
        ]
        return busy + [SlotHealth("ray", False)] * (self.slots - len(busy))

    def close(self, *, kill: bool = False) -> None:
        for job in list(self._streams.values()):
            self.cancel(job)
        if self._ours:
            import ray

            with _own_signal_handlers():
                ray.shutdown()
            self._ours = self._counted = False

    def describe(self) -> dict[str, Any]:
        return {"name": self.NAME, "address": self.address, "workers": self.workers, "gpus": self.gpus}


def _require_answer(address: str) -> None:
    """See that a cluster answers before Ray is asked: it ends the whole process when it is given anything else.

    Raises:
        ConfigError: when none does.
    """
    wrong = f"no Ray cluster answers at {address}"
    if address != "auto":
        host, _, port = address.rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
        except (OSError, OverflowError) as error:
            raise ConfigError(f"{wrong} ({error}); start one with: ray start --head") from None
    try:
        probe = subprocess.run(
            [sys.executable, "-c", PROBE, address], capture_output=True, text=True, timeout=ANSWER_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise ConfigError(
            f"{wrong} within {ANSWER_SECONDS:.0f} s; start one with: ray start --head"
        ) from None
    if probe.returncode:
        lines = [line for line in probe.stderr.strip().splitlines() if line.strip()]
        said = lines[-1][:200] if lines else f"exit code {probe.returncode}"
        raise ConfigError(f"{wrong} ({said}); start one with: ray start --head")


@contextmanager
def _own_signal_handlers() -> Iterator[None]:
    """Ray sets a handler of its own for SIGTERM; ours ends a run in order."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _line(error: BaseException) -> str:
    """The last line of what an error says that is not empty."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__)[:300]
