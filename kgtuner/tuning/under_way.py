"""A trial that runs: what it was given, how long it may take, and whether it is worth another try."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from optuna.study import Study
from optuna.trial import Trial

from kgtuner.config import TrialConfig
from kgtuner.execution.executor import Job
from kgtuner.parts import normalises_batches
from kgtuner.training.checkpoint import begun_with, trained_seconds
from kgtuner.tuning.events import Stage
from kgtuner.tuning.memory_plan import GraphSize, smaller_parts
from kgtuner.tuning.schedule import LEAST_TRAINING_SECONDS, START_SECONDS

TRIES = 3
"""How often a trial is begun at most, when what kept it from ending was not its own doing."""

GRACE_SECONDS = 5.0
"""How far past the end of its stage a trial may run before it is stopped by force."""


@dataclass(frozen=True)
class StagePlan:
    """Where a stage trains and how much of the budget is its own.

    Attributes:
        stage: its name, also the name of its study.
        graph: folder of the graph it trains on.
        ends_at: seconds of the budget used when it ends, None without a wall-clock budget.
        trials: how many trials it makes at most, None with a wall-clock budget.
        threads: CPU threads of a training.
        size: of the graph, to judge whether a training fits into memory.
    """

    stage: Stage
    graph: Path
    ends_at: float | None
    trials: int | None
    threads: int
    size: GraphSize


@dataclass(eq=False)
class UnderWay:
    """One trial, from the moment it is handed out.

    Attributes:
        plan, study, trial, checkpoint, for_good: as given to `TuningRun.launch`.
        config: what is trained: as given, with the sizes of the training that goes on and perhaps half the batch.
        began: seconds of the budget used when it was first handed out; submitted_at: the last time.
        ends_by: seconds of the budget used when its training has to be over by itself, None without a limit.
        tries: how often it was begun.
        halved: whether its batch size was halved because memory ran out.
        goes_on: whether there was a checkpoint when it was first handed out: so much memory was there before.
        validated: whether it has validated, so that its memory is taken by now.
        job: of the executor.
    """

    plan: StagePlan
    study: Study
    trial: Trial
    config: TrialConfig
    checkpoint: Path | None
    began: float
    ends_by: float | None
    submitted_at: float = 0.0
    give_up_at: float | None = None
    tries: int = 1
    halved: bool = False
    goes_on: bool = False
    validated: bool = False
    for_good: bool = False
    job: Job = field(init=False)

    @classmethod
    def starting(
        cls,
        plan: StagePlan,
        study: Study,
        trial: Trial,
        config: TrialConfig,
        checkpoint: Path | None,
        now: float,
        *,
        for_good: bool = False,
    ) -> UnderWay:
        limit = config.training.max_seconds
        trained = trained_seconds(checkpoint)
        ends_by = None if limit is None else now + limit - trained
        config = at_its_sizes(config, begun_with(checkpoint))
        return cls(
            plan, study, trial, config, checkpoint, now, ends_by, goes_on=trained > 0, for_good=for_good
        )

    @property
    def number(self) -> int:
        return self.trial.number

    @property
    def keeps_model(self) -> bool:
        return self.plan.stage == "full"

    def submitted(self, now: float, last_moment: float | None, start_seconds: float) -> None:
        """Count its time from here: a training looks at its clock only between steps, and may not look at all.

        Args:
            last_moment: seconds of the budget used when trainings of its stage have to be over, None without a clock.
            start_seconds: what it is expected to need before its first step.
        """
        self.submitted_at = now
        limit = self.config.training.max_seconds
        if limit is not None:
            patience = 1.5 * limit + 30 + 3 * start_seconds
            if last_moment is not None:
                patience = min(patience, max(limit, last_moment - now) + GRACE_SECONDS)
            self.give_up_at = now + patience

    def overdue(self, now: float) -> bool:
        return self.give_up_at is not None and now > self.give_up_at

    def once_more(self, now: float) -> UnderWay | None:
        """The same trial from its checkpoint or anew, None when it was tried often enough or its time is over."""
        return self._again(self.config, now) if self.tries < TRIES else None

    def with_less_memory(self, now: float) -> UnderWay | None:
        """The same trial from its checkpoint, with its gradient made of half as many queries at a time.

        Where a batch has no parts it begins anew with half the batch size, once. One that went on from a checkpoint had
        that memory before, and would lose all that it has learnt: it goes on as it is once more. None when it was tried
        often enough, its parts are as small as they may be, or its time is over.
        """
        if self.tries >= TRIES:
            return None
        if not normalises_batches(self.config):
            parts = smaller_parts(self.config)
            return None if parts is None else self._again(parts, now)
        if self.goes_on:
            return self.once_more(now)
        batch = self.config.training.batch_size
        if self.halved or batch < 2:
            return None
        if self.checkpoint is not None:
            self.checkpoint.unlink(missing_ok=True)  # of another batch size
        return self._again(self.config.updated({"training.batch_size": batch // 2}), now, halved=True)

    def _again(self, config: TrialConfig, now: float, *, halved: bool = False) -> UnderWay | None:
        if self.ends_by is not None:
            rest = self.ends_by - now - START_SECONDS
            if rest < LEAST_TRAINING_SECONDS:
                return None
            config = config.limited(max_seconds=trained_seconds(self.checkpoint) + rest)
        return replace(
            self,
            config=config,
            tries=self.tries + 1,
            halved=self.halved or halved,
            validated=False,
        )


def at_its_sizes(config: TrialConfig, begun: Mapping[str, Any]) -> TrialConfig:
    """A configuration with the batch size and the dimension of a training that goes on.

    An earlier sitting may have halved the batch when memory ran out, or have had memory for another dimension; with
    other sizes its checkpoint would be refused, and all that it has learnt be lost.

    Args:
        begun: the configuration of the checkpoint, empty where there is none.
    """
    flat = config.flat()
    sizes = {"training.batch_size": begun.get("training"), "model.dimension": begun.get("model")}
    changes: dict[str, int] = {}
    for name, section in sizes.items():
        size = section.get(name.partition(".")[2]) if isinstance(section, dict) else None
        if isinstance(size, int) and size > 0 and flat.get(name, size) != size:
            changes[name] = size
    return config.updated(changes) if changes else config
