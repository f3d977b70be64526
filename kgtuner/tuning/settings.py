"""What a run was asked for, as a value that is kept in its folder."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from kgtuner.errors import ConfigError, RunError
from kgtuner.tuning.budget import Budget


@dataclass(frozen=True, kw_only=True)
class TuneSettings:
    """All that decides a tuning run besides the graph.

    Attributes:
        models: one or several model names; several are searched together.
        budget: what the run may cost.
        seed: of everything random.
        metric: what validation maximises.
        space: "broad", "reduced" (the paper's), "full", "whole" or the path of a YAML file.
        algorithm: a name from `ALGORITHMS`: "kgtuner", a sampler that proposes in its stages, or a whole strategy.
        two_stages: False searches on the full graph only.
        stage_one_share: share of the budget for the subgraph; None for a half, or less where measured costs say so.
        subgraph_ratio, subgraph_starts: how the subgraph is sampled.
        device: "auto", "cpu", "cuda", "cuda:1", …
        threads: CPU threads of a training; None for one.
        max_steps: upper limit of the optimiser steps of any trial, None for the protocol's own.
        try_default: whether the default configuration is a trial of each stage.
        try_earlier: whether "racing" begins with what was good on other graphs.
    """

    models: tuple[str, ...]
    budget: Budget
    seed: int = 0
    metric: str = "mrr"
    space: str = "broad"
    algorithm: str = "kgtuner"
    two_stages: bool = True
    stage_one_share: float | None = None
    subgraph_ratio: float = 0.2
    subgraph_starts: int = 10
    device: str = "auto"
    threads: int | None = None
    max_steps: int | None = None
    try_default: bool = True
    try_earlier: bool = True

    def __post_init__(self) -> None:
        if not self.models:
            raise ConfigError("give at least one model, got none")
        if self.stage_one_share is not None and not 0 < self.stage_one_share < 1:
            raise ConfigError(f"stage_one_share must be between 0 and 1, got {self.stage_one_share}")
        if not 0 < self.subgraph_ratio <= 1:
            raise ConfigError(f"subgraph_ratio must be above 0 and at most 1, got {self.subgraph_ratio}")
        if self.threads is not None and self.threads < 1:
            raise ConfigError(f"threads must be at least 1, got {self.threads}")
        if self.max_steps is not None and self.max_steps < 1:
            raise ConfigError(f"max_steps must be at least 1, got {self.max_steps}")
        if not self.try_default and self.budget.full_trainings is not None:
            raise ConfigError("a budget in full trainings needs the default configuration; give it in time")
        if self.seed < 0:
            raise ConfigError(f"seed must not be negative, got {self.seed}")

    def to_mapping(self) -> dict[str, Any]:
        return {**asdict(self), "models": list(self.models)}

    @classmethod
    def from_mapping(cls, value: dict[str, Any]) -> TuneSettings:
        """Raises RunError when the value is not what `to_mapping` gives."""
        try:
            known = {f.name for f in fields(cls)}
            if not set(value) <= known:
                raise RunError(f"the run was made by another version: it has {', '.join(set(value) - known)}")
            return cls(**{**value, "models": tuple(value["models"]), "budget": Budget(**value["budget"])})
        except (TypeError, KeyError, AttributeError) as error:
            raise RunError(f"the settings in run.json cannot be read ({error}); start a new run") from None
