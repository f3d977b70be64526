"""What a worker is asked to do, and what it answers. Plain values, so that any transport can carry them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class TrainTask:
    """Train one configuration.

    Attributes:
        graph: folder written by `KnowledgeGraph.save`.
        config: `TrialConfig.to_mapping()`.
        seed, metric, device: as in `kgtuner.experiment.run`.
        threads: CPU threads of this training.
        save_to: where the best parameters go (.safetensors), None to drop them.
        checkpoint: where the whole state goes (.safetensors); if it exists, training goes on from it.
        save_end: whether the state is kept at the end too, so that a later task can go on with it.
    """

    graph: Path
    config: Mapping[str, Any]
    seed: int
    metric: str
    device: str
    threads: int
    save_to: Path | None = None
    checkpoint: Path | None = None
    save_end: bool = True


@dataclass(frozen=True, kw_only=True)
class EvaluateTask:
    """Rank one split with saved parameters.

    Attributes:
        graph, config, device, threads: as in `TrainTask`.
        parameters: .safetensors file.
        split: "valid" or "test".
        size, seed: rank a seeded sample of so many triples; None for all.
    """

    graph: Path
    config: Mapping[str, Any]
    device: str
    threads: int
    parameters: Path
    split: str
    size: int | None = None
    seed: int = 0


Task = TrainTask | EvaluateTask


@dataclass(frozen=True, kw_only=True)
class Resources:
    """What a task needs while it runs: CPU threads, and GPUs as a number that may be a fraction."""

    cpus: int = 1
    gpus: float = 0.0


@dataclass(frozen=True)
class Alive:
    """A sign of life while a task runs: processor seconds of the process so far, and its memory in MB."""

    cpu_seconds: float
    rss_mb: float


@dataclass(frozen=True)
class Validated:
    """A running training has validated; `loss` is the mean since the validation before."""

    step: int
    seconds: float
    metric: float
    loss: float


@dataclass(frozen=True)
class Done:
    """A task has ended well; `result` is plain values, `rss_mb` the memory of its process afterwards."""

    result: dict[str, Any]
    rss_mb: float = 0.0


@dataclass(frozen=True)
class Failed:
    """A task has ended badly. `kind` is the name of one of `kgtuner.errors`, or "" for a bug."""

    kind: str
    message: str


Message = Alive | Validated | Done | Failed
