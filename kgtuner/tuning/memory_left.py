"""What memory is left for another training, on the device it would run on and beside it, while others run."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kgtuner.execution.executor import Executor
from kgtuner.tuning.memory_plan import memory_plan
from kgtuner.tuning.raising import estimated_bytes, free_memory, is_gpu
from kgtuner.tuning.under_way import UnderWay


@dataclass(frozen=True)
class MemoryLeft:
    """In bytes; infinite where trainings run on other machines.

    Attributes:
        executor: where trainings run, with its slots and devices.
        device: where the executor names none.
        under_way: what runs there now.
    """

    executor: Executor
    device: str
    under_way: Sequence[UnderWay]

    def free(self) -> float:
        """What another training may take: what is free, without what those that start have yet to take.

        Of several devices the one with least among those that have a slot free.
        """
        if not self.executor.here:
            return math.inf
        devices = self._devices()
        free = [device for device, slots in devices.items() if len(self._running_on(device)) < slots]
        return min(
            free_memory(
                device,
                yet_to_take=_planned((u for u in self._running_on(device) if not u.validated), device),
                planned=_planned(self._running_on(device), device),
            )
            for device in free or devices
        )

    def on_host(self) -> float | None:
        """What another training may take for tables beside its GPU; None where none computes on a GPU."""
        if not self.executor.here or not all(is_gpu(device) for device in self._devices()):
            return None
        on_host = [u for u in self.under_way if u.config.training.tables_on == "host"]
        return free_memory(
            "cpu",
            yet_to_take=_planned_on_host(u for u in on_host if not u.validated),
            planned=_planned_on_host(on_host),
        )

    def share_on_host(self) -> float | None:
        """As `share`, beside a GPU."""
        free = self.on_host()
        return None if free is None else free / self.executor.slots

    def share(self) -> float:
        """What one training may be planned to take when all slots are in use, by those that run now too."""
        if not self.executor.here:
            return free_memory(self.device)
        return min(
            free_memory(
                device, yet_to_take=-_planned((u for u in self._running_on(device) if u.validated), device)
            )
            / slots
            for device, slots in self._devices().items()
        )

    def _devices(self) -> Counter[str]:
        """What trainings run on, and how many slots each has."""
        devices = getattr(self.executor, "devices", ()) or (self.device,)
        return Counter(devices[number % len(devices)] for number in range(self.executor.slots))

    def _running_on(self, device: str) -> list[UnderWay]:
        only = len(self._devices()) == 1
        return [u for u in self.under_way if only or getattr(u.job.task, "device", None) == device]


def _planned(trials: Iterable[UnderWay], device: str) -> float:
    """Bytes that trainings take of a device as far as they are estimated."""
    return sum(estimated_bytes(u.config, u.plan.size, gpu=is_gpu(device)) for u in trials)


def _planned_on_host(trials: Iterable[UnderWay]) -> float:
    """Bytes of tables on the host, and of what lies beside them, of trainings that compute on a GPU."""
    return sum(memory_plan(u.config, u.plan.size).total for u in trials)
