"""A run under way: its folder, its clock, its worker and its trials."""

from __future__ import annotations

import datetime
import math
import shutil
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optuna.study import Study
from optuna.trial import FrozenTrial, Trial

from kgtuner.config import TrainingConfig, TrialConfig
from kgtuner.defaults import default_config
from kgtuner.errors import RunError, TrialFailed
from kgtuner.execution.local import LocalWorker
from kgtuner.execution.storage import RESULT, TrialStore, fail, finish, storage_errors, value_of
from kgtuner.execution.tasks import EvaluateTask, TrainTask, Validated
from kgtuner.files import reason, replacing
from kgtuner.tuning.events import (
    Event,
    Note,
    Observer,
    Stage,
    StageStarted,
    TrialEnded,
    TrialProgress,
    TrialStarted,
)
from kgtuner.tuning.raising import GraphSize, free_memory, require_memory
from kgtuner.tuning.run_folder import RunFolder
from kgtuner.tuning.settings import TuneSettings
from kgtuner.tuning.watching import Watchers, as_observers
from kgtuner.types import Clock

DEFAULT = "default"
"""Attribute of a trial that trains a default configuration: the name of its model."""

ORIGIN = (
    "origin"  # in a trial's notes: the number under which its training began, if an interruption cut it off
)
AGAIN = "again"
"""Attribute of a trial that goes on where another one stopped: that trial's number."""

STATE_SECONDS = 2.0
"""Seconds between notes of the budget used, so that a kill loses no more than that."""

GRACE_SECONDS = 5.0
"""How far past the end of its stage a trial may run before it is stopped by force."""


TRIAL_LIMITS = (
    "max_steps",
    "max_epochs",
    "max_seconds",
    "validate_every",
    "validate_every_seconds",
    "max_valid_triples",
    "patience",
)
"""Training settings that a trial has from the budget; they say nothing about what was found."""


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


class TuningRun:
    """Trains trials one after the other and keeps what they found.

    Args:
        folder: locked by the caller.
        settings: what was asked for.
        observer: one or several that are told of every event.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        folder: RunFolder,
        settings: TuneSettings,
        observer: Observer | Sequence[Observer],
        clock: Clock = time.monotonic,
    ) -> None:
        self.folder = folder
        self.settings = settings
        self.observer = observer
        self._watchers = Watchers(as_observers(observer))
        self.clock = clock
        self.default_of: Callable[[str], TrialConfig] = default_config  # of a model, for this graph
        self.start_seconds = (
            0.0  # that a training on the full graph is expected to take before its first step
        )
        self.budget_seconds = settings.budget.seconds
        self.stage_seconds: dict[str, float] = {}
        self.peak_rss_mb = 0.0
        self.full_training_seconds = 0.0
        self._used_before = 0.0
        self.resumed = (folder.path / "state.json").exists()
        if self.resumed:
            self._take_up(folder.read("state.json"))
        self.store = TrialStore(folder.study)
        self.worker = LocalWorker(clock)
        self._began = clock()
        self._stage: Stage | None = None
        self._stage_began = 0.0
        self._state_written = -STATE_SECONDS

    def _take_up(self, state: dict[str, Any]) -> None:
        """Go on from what `save_state` wrote.

        Raises:
            RunError: when it is not that.
        """
        try:
            budget = state["budget_seconds"]
            self._used_before = float(state["elapsed"])
            self.stage_seconds = {stage: float(spent) for stage, spent in state["stage_seconds"].items()}
            self.budget_seconds = None if budget is None else float(budget)
            self.peak_rss_mb = float(state["peak_rss_mb"])
            self.full_training_seconds = float(state["full_training_seconds"])
            if not 0 <= self._used_before < math.inf:
                raise ValueError(f"elapsed is {self._used_before}")
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise RunError(
                f"{self.folder.path / 'state.json'} is damaged ({error!r}); restore it or start a new run"
            ) from None

    @property
    def elapsed(self) -> float:
        """Seconds of the budget used, earlier sittings included."""
        return self._used_before + self.clock() - self._began

    @property
    def remaining(self) -> float | None:
        """Seconds left of a wall-clock budget."""
        return None if self.budget_seconds is None else max(0.0, self.budget_seconds - self.elapsed)

    def notify(self, event: Event) -> None:
        """Tell the log and all who watch; an observer that raises costs a note and nothing else."""
        self.log(str(event))
        for left_out in self._watchers.tell(event, self.elapsed, self.remaining):
            self.log(left_out.traceback)
            self.note(left_out.message)

    def log(self, text: str) -> None:
        """Write to the log only.

        Raises:
            RunError: when it cannot be written.
        """
        now = datetime.datetime.now().isoformat(timespec="seconds")
        try:
            with open(self.folder.log, "a", encoding="utf-8") as log:
                log.write(f"{now} {self.elapsed:9.1f}s {text}\n")
        except OSError as error:
            raise RunError(
                f"cannot write {self.folder.log}: {reason(error)}; make it writable, or free some space, and resume"
            ) from None

    def note(self, message: str) -> None:
        self.notify(Note(message))

    def begin(self, plan: StagePlan, entities: int, triples: int) -> None:
        """Tell that a stage starts and count its time from here."""
        self._stage, self._stage_began = plan.stage, self.elapsed
        seconds = None if plan.ends_at is None else max(0.0, plan.ends_at - self.elapsed)
        self.notify(StageStarted(plan.stage, entities, triples, seconds, plan.trials))

    def save_state(self, *, force: bool = False) -> None:
        """Write down how much of the budget is used."""
        if not force and self.elapsed - self._state_written < STATE_SECONDS:
            return
        self._state_written = self.elapsed
        stages = dict(self.stage_seconds)
        if self._stage is not None:
            stages[self._stage] = stages.get(self._stage, 0.0) + self.elapsed - self._stage_began
        self.folder.write(
            "state.json",
            {
                "elapsed": self.elapsed,
                "stage_seconds": stages,
                "budget_seconds": self.budget_seconds,
                "peak_rss_mb": self.peak_rss_mb,
                "full_training_seconds": self.full_training_seconds,
            },
        )

    def end_stage(self) -> None:
        if self._stage is not None:
            spent = self.elapsed - self._stage_began
            self.stage_seconds[self._stage] = self.stage_seconds.get(self._stage, 0.0) + spent
            self._stage = None
        self.save_state(force=True)

    def train(
        self,
        plan: StagePlan,
        study: Study,
        trial: Trial,
        config: TrialConfig,
        checkpoint: Path | None = None,
    ) -> dict[str, Any] | None:
        """Train one trial in the worker and keep its result or its failure.

        Args:
            plan, study, trial, config: what to train, where it is kept.
            checkpoint: where its whole state is kept; if it exists, the training goes on from there.

        Returns:
            What the training reported, None when it failed.
        """
        stage, number = plan.stage, trial.number
        shown = {"model.dimension": config.model.options.get("dimension")} | dict(trial.params)
        self.notify(TrialStarted(stage, number, shown if trial.params else config.flat()))
        began = self.elapsed
        keeps_model = stage == "full"
        task = TrainTask(
            graph=plan.graph,
            config=config.to_mapping(),
            seed=self.settings.seed,
            metric=self.settings.metric,
            device=self.settings.device,
            threads=plan.threads,
            save_to=self.model_path(number) if keeps_model else None,
            checkpoint=checkpoint,
        )
        limit = config.training.max_seconds

        def progress(message: Validated) -> None:
            self.notify(
                TrialProgress(stage, number, message.step, message.seconds, message.metric, message.loss)
            )

        try:
            require_memory(config, plan.size, free_memory(self.settings.device))
            result = self.worker.run(
                task,
                on_validation=progress,
                on_wait=self.save_state,
                give_up_after=self._patience(plan, limit),
            )
        except TrialFailed as error:
            with storage_errors(self.folder.study):
                fail(study, trial, error.reason, str(error))
            for traceback in getattr(error, "__notes__", []):
                self.log(traceback)
            self.notify(
                TrialEnded(stage, number, None, f"{error.reason}: {error}", self.elapsed - began, False)
            )
            return None
        best_before = max(
            (v for t in study.get_trials(deepcopy=False) if (v := value_of(t)) is not None), default=None
        )
        value = objective_of(result, self.settings.metric) if keeps_model else result["best"]
        with storage_errors(self.folder.study):
            finish(study, trial, value, {**result, "elapsed": self.elapsed})
        is_best = best_before is None or value > best_before
        self.peak_rss_mb = max(self.peak_rss_mb, result["peak_rss_mb"])
        if keeps_model:
            self._drop_other_models(study)
        self.save_state(force=True)
        self.notify(TrialEnded(stage, number, value, None, self.elapsed - began, is_best))
        return result

    def _patience(self, plan: StagePlan, limit: float | None) -> float | None:
        """Seconds after which a silent trial is given up: it looks at its clock only between steps."""
        if limit is None:
            return None
        patience = 1.5 * limit + 30 + 3 * self.start_seconds
        if plan.ends_at is not None:
            until = plan.ends_at
            if plan.stage == "full" and self.start_seconds and not any(self.folder.models.glob("trial-*")):
                until = max(until, self.budget_seconds or until)  # a late first model is better than none
            patience = min(patience, max(limit, until - self.elapsed) + GRACE_SECONDS)
        return patience

    def model_path(self, number: int) -> Path:
        return (self.folder.models / f"trial-{number}.safetensors").absolute()

    def checkpoint_path(self, trial: Trial | FrozenTrial) -> Path:
        """Where a training that begins with this trial is kept; the same when it was cut off and is made again."""
        number = trial.user_attrs.get(ORIGIN)
        if number is None and isinstance(trial, Trial):
            number = trial.number
            trial.set_user_attr(ORIGIN, number)
        return (
            self.folder.models / f"checkpoint-{trial.number if number is None else number}.safetensors"
        ).absolute()

    def evaluate(self, trial: FrozenTrial, split: str) -> dict[str, Any]:
        """Rank a split with the parameters of a finished full-graph trial."""
        return self.worker.run(
            EvaluateTask(
                graph=self.folder.graph,
                config=trial.user_attrs[RESULT]["config"],
                device=self.settings.device,
                threads=self.settings.threads or 1,
                parameters=self.model_path(trial.number),
                split=split,
            ),
            on_wait=self.save_state,
        )

    def close(self, *, kill: bool = False) -> None:
        """Stop the worker and let go of the database."""
        self.worker.stop(kill=kill)
        self.store.close()

    def root(self, study: Study, trial: FrozenTrial) -> FrozenTrial:
        """The trial with which a training began that perhaps went on in others."""
        while AGAIN in trial.user_attrs:
            trial = study.get_trials(deepcopy=False)[trial.user_attrs[AGAIN]]
        return trial

    def drop_checkpoints(self, keep: Collection[Path] = ()) -> None:
        for file in self.folder.models.glob("checkpoint-*.safetensors*"):
            if file.absolute() not in keep:
                file.unlink(missing_ok=True)

    def _drop_other_models(self, study: Study) -> None:
        """Keep the parameters of the best trial and of the defaults, and the checkpoints of those and of the second."""
        finished = [t for t in study.get_trials(deepcopy=False) if value_of(t) is not None]
        keep = {max(finished, key=lambda t: value_of(t) or 0.0).number}
        keep |= {t.number for t in finished if t.user_attrs.get(DEFAULT)}
        for file in self.folder.models.glob("trial-*.safetensors"):
            if file.absolute() not in {self.model_path(number) for number in keep}:
                file.unlink(missing_ok=True)
        best_first = sorted(finished, key=lambda t: -(value_of(t) or 0.0))
        kept = list(dict.fromkeys(self.checkpoint_path(self.root(study, trial)) for trial in best_first))
        defaults = [self.root(study, t) for t in finished if t.user_attrs.get(DEFAULT)]
        self.drop_checkpoints({*kept[:2], *(self.checkpoint_path(trial) for trial in defaults)})

    def publish_best(self, trial: FrozenTrial) -> None:
        """Write best.yaml, and best.safetensors where the trial trained on the full graph."""
        result = trial.user_attrs[RESULT]
        header = (
            "# kgtuner train GRAPH --config best.yaml\n"
            f"# Found in a trial of {result['seconds']:.1f} s and {result['steps']} steps; "
            "its limits are left out here.\n"
        )
        self.folder.write_text("best.yaml", header + found_config(trial).to_yaml())
        model = self.model_path(trial.number)
        if model.exists():
            with replacing(self.folder.best_model) as partial:
                shutil.copyfile(model, partial)


def found_config(trial: FrozenTrial) -> TrialConfig:
    """The configuration of a finished trial for a training of its own: without the limits of the trial."""
    defaults = TrainingConfig()
    config = TrialConfig.from_mapping(trial.user_attrs[RESULT]["config"])
    return config.limited(**{name: getattr(defaults, name) for name in TRIAL_LIMITS})


def objective_of(result: dict[str, Any], metric: str) -> float:
    """The value of a full-graph trial: its metric over all validation triples; larger is better."""
    value = float(result["valid"][metric])
    return -value if metric == "mean_rank" else value
