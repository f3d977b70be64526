"""A run under way: its folder, its clock, its executor and the trials that it has handed out."""

from __future__ import annotations

import datetime
import math
import shutil
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

from optuna.study import Study
from optuna.trial import FrozenTrial, Trial

from kgtuner.config import TrialConfig
from kgtuner.defaults import default_config
from kgtuner.errors import Hung, KGTunerError, OutOfMemory, RunError, TrialFailed, WorkerDied
from kgtuner.evaluation.metrics import objective
from kgtuner.execution.executor import POLL, Executor, Job, error_of
from kgtuner.execution.local import Local
from kgtuner.execution.storage import RESULT, TrialStore, fail, finish, storage_errors, value_of
from kgtuner.execution.tasks import Done, EvaluateTask, Failed, Resources, TrainTask, Validated
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
from kgtuner.tuning.found import found_config
from kgtuner.tuning.kept_models import KeptModels
from kgtuner.tuning.memory_left import MemoryLeft
from kgtuner.tuning.raising import form_of, require_memory
from kgtuner.tuning.run_folder import RunFolder
from kgtuner.tuning.settings import TuneSettings
from kgtuner.tuning.under_way import TRIES, StagePlan, UnderWay
from kgtuner.tuning.watching import Watchers, as_observers
from kgtuner.types import TRAINED, Clock

STATE_SECONDS = 2.0
"""Seconds between notes of the budget used, so that a kill loses no more than that."""


BATCH_SIZE = "training.batch_size"

AT_ONCE = "at_once"
"""Attribute of a trial that ran out of memory: for how many queries at a time its gradient is computed since."""


class TuningRun:
    """Hands out trials to an executor, as many at once as it has slots, and keeps what they found.

    Args:
        folder: locked by the caller.
        settings: what was asked for.
        observer: one or several that are told of every event.
        clock: seconds that only grow.
        executor: where trials run; one worker process of this machine unless given. It is closed in the end.
        began: what the clock showed when the budget began; now unless given.

    Attributes:
        under_way: the trials that run, in the order in which they began.
    """

    def __init__(
        self,
        folder: RunFolder,
        settings: TuneSettings,
        observer: Observer | Sequence[Observer],
        clock: Clock = time.monotonic,
        executor: Executor | None = None,
        began: float | None = None,
    ) -> None:
        self.folder = folder
        self.settings = settings
        self.observer = observer
        self._watchers = Watchers(as_observers(observer))
        self.clock = clock
        self.default_of: Callable[[str], TrialConfig] = default_config  # of a model, for this graph
        self.start_seconds = 0.0  # expected before the first step of a training on the full graph
        self.budget_seconds = settings.budget.seconds
        self.stage_seconds: dict[str, float] = {}
        self.peak_rss_mb = 0.0
        self.full_training_seconds = 0.0
        self._used_before = 0.0
        self.resumed = (folder.path / "state.json").exists()
        if self.resumed:
            self._take_up(folder.read("state.json"))
        self.store: TrialStore = folder.open_store()
        self.executor = Local() if executor is None else executor
        self.executor.cpus = settings.threads or 1
        self.models = KeptModels(folder.models, self.executor.slots)
        self.under_way: list[UnderWay] = []
        self._began = clock() if began is None else began
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

    @property
    def free(self) -> bool:
        """Whether another trial can be handed out now."""
        return len(self.under_way) < self.executor.slots

    def fill(self, offer: Callable[[], bool]) -> None:
        """Hand out trials as long as there are any, and wait until all have ended.

        Args:
            offer: launches one trial when there is one to launch now, and says whether it did. It is asked whenever
                a slot is free, so again after every end of a trial.
        """
        while True:
            while self.free and offer():
                pass
            if not self.under_way:
                return
            self.wait()

    def train(
        self, plan: StagePlan, study: Study, trial: Trial, config: TrialConfig, checkpoint: Path | None = None
    ) -> dict[str, Any] | None:
        """Train one trial and wait for its end; what the training reported, None when it failed."""
        self.launch(plan, study, trial, config, checkpoint)
        while any(u.trial is trial for u in self.under_way):
            self.wait()
        result: dict[str, Any] | None = trial.user_attrs.get(RESULT)
        return result

    def launch(
        self,
        plan: StagePlan,
        study: Study,
        trial: Trial,
        config: TrialConfig,
        checkpoint: Path | None = None,
        *,
        for_good: bool = False,
    ) -> None:
        """Hand out one trial; its result or its failure is kept when it ends.

        Args:
            plan, study, trial, config: what to train, where it is kept.
            checkpoint: where its whole state is kept; if it exists, the training goes on from there, at its sizes.
            for_good: whether nothing goes on from where it ends; then the checkpoint, of `KeptModels.unfinished`, goes
                with its end.
        """
        shown = {"model.dimension": config.model.options.get("dimension")} | dict(trial.params)
        self.notify(TrialStarted(plan.stage, trial.number, shown if trial.params else config.flat()))
        if AT_ONCE in trial.user_attrs:  # memory ran out in an earlier sitting
            config = config.limited(queries_at_once=trial.user_attrs[AT_ONCE])
        under_way = UnderWay.starting(plan, study, trial, config, checkpoint, self.elapsed, for_good=for_good)
        if under_way.config.training.batch_size < config.training.batch_size:  # halved in an earlier sitting
            self._tell_batch(under_way)
        try:
            before = under_way.config
            under_way.config = require_memory(before, plan.size, self.memory.free(), self.memory.on_host())
        except TrialFailed as error:
            self._failed(under_way, error)
        else:
            if (form := form_of(under_way.config, before)) is not None:
                self.note(f"Trial {trial.number} is trained with {form}, to fit into memory.")
            self._submit(under_way)

    def _submit(self, under_way: UnderWay) -> None:
        task = TrainTask(
            graph=under_way.plan.graph,
            config=under_way.config.to_mapping(),
            seed=self.settings.seed,
            metric=self.settings.metric,
            device=self.settings.device,
            threads=under_way.plan.threads,
            save_to=self.model_path(under_way.number) if under_way.keeps_model else None,
            checkpoint=under_way.checkpoint,
            save_end=not under_way.for_good,
        )
        self.store.flush()  # whatever comes, what runs is known
        under_way.submitted(self.elapsed, self._last_moment(under_way.plan), self.start_seconds)
        under_way.job = self.executor.submit(task, Resources(cpus=task.threads))
        self.under_way.append(under_way)

    def wait(self) -> None:
        """Follow what runs until at least one trial has ended."""
        before = len(self.under_way)
        while self.under_way and len(self.under_way) == before:
            for job, message in self.executor.wait(POLL):
                under_way = self._under_way(job)
                if under_way is None:
                    continue
                if isinstance(message, Validated):
                    under_way.validated = True
                    step = (message.step, message.seconds, message.metric, message.loss)
                    self.notify(TrialProgress(under_way.plan.stage, under_way.number, *step))
                elif isinstance(message, Done):
                    self.under_way.remove(under_way)
                    self._finished(under_way, message.result)
                elif isinstance(message, Failed):
                    self.under_way.remove(under_way)
                    self._ended_badly(under_way, error_of(message))
            for under_way in [u for u in self.under_way if u.overdue(self.elapsed)]:
                self.executor.cancel(under_way.job)
                self.under_way.remove(under_way)
                took = self.elapsed - under_way.submitted_at
                self._failed(under_way, Hung(f"the training did not end within {took:.0f} s and was stopped"))
            self.save_state()

    def _under_way(self, job: Job) -> UnderWay | None:
        return next((u for u in self.under_way if u.job is job), None)

    def _ended_badly(self, under_way: UnderWay, error: KGTunerError) -> None:
        """Try once more where that may help, else keep why the trial has no value.

        Raises:
            KGTunerError: where the run itself is to blame, e.g. for a full disk.
        """
        if not isinstance(error, TrialFailed):
            raise error
        again = None
        if isinstance(error, OutOfMemory):
            again = under_way.with_less_memory(self.elapsed)
        elif isinstance(error, WorkerDied | Hung):
            again = under_way.once_more(self.elapsed)
        if again is None:
            self._failed(under_way, error)
            return
        batch = again.config.training.batch_size
        halved = batch < under_way.config.training.batch_size
        at_once = again.config.training.queries_at_once
        in_parts = at_once is not None and at_once != under_way.config.training.queries_at_once
        what = f"batch size {batch}" if halved else f"try {again.tries}"
        what = f"{at_once} queries at a time" if in_parts else what
        self.note(f"Trial {under_way.number} runs again ({what}): {error}.")
        with storage_errors(self.store.place):
            under_way.trial.set_user_attr("tries", again.tries)
            if in_parts:
                under_way.trial.set_user_attr(AT_ONCE, at_once)
        if halved:
            self._tell_batch(again)
        self._submit(again)

    def _tell_batch(self, under_way: UnderWay) -> None:
        """Note the batch size of a trial that has a smaller one than was asked for, for the search."""
        batch = under_way.config.training.batch_size
        if batch < under_way.trial.params.get(BATCH_SIZE, 0):  # where it was searched and not raised
            with storage_errors(self.store.place):
                under_way.trial.set_user_attr(TRAINED, {BATCH_SIZE: batch})

    def _failed(self, under_way: UnderWay, error: TrialFailed) -> None:
        study, trial = under_way.study, under_way.trial
        with storage_errors(self.store.place):
            fail(study, trial, error.reason, str(error))
        if under_way.for_good:
            self.models.drop_unfinished(under_way.checkpoint)
        for traceback in getattr(error, "__notes__", []):
            self.log(traceback)
        told = f"{error.reason}: {error}"
        seconds = self.elapsed - under_way.began
        self.notify(TrialEnded(under_way.plan.stage, under_way.number, None, told, seconds, False))

    def _finished(self, under_way: UnderWay, result: dict[str, Any]) -> None:
        study, trial = under_way.study, under_way.trial
        best_before = max(
            (v for t in study.get_trials(deepcopy=False) if (v := value_of(t)) is not None), default=None
        )
        value = objective(result["valid"], self.settings.metric) if under_way.keeps_model else result["best"]
        kept = {**result, "elapsed": self.elapsed}
        with storage_errors(self.store.place):
            finish(study, trial, value, kept)
        is_best = best_before is None or value > best_before
        self.peak_rss_mb = max(self.peak_rss_mb, result["peak_rss_mb"])
        if under_way.keeps_model:
            self.models.sweep(study, self._written_now())
        if under_way.for_good:
            self.models.drop_unfinished(under_way.checkpoint)
        self.save_state(force=True)
        seconds = self.elapsed - under_way.began
        self.notify(TrialEnded(under_way.plan.stage, under_way.number, value, None, seconds, is_best))

    def _written_now(self) -> set[Path]:
        files = {u.checkpoint for u in self.under_way if u.checkpoint is not None}
        return files | {self.model_path(u.number) for u in self.under_way}

    @property
    def memory(self) -> MemoryLeft:
        """What other trainings may take, beside those under way."""
        return MemoryLeft(self.executor, self.settings.device, self.under_way)

    def _last_moment(self, plan: StagePlan) -> float | None:
        """Seconds of the budget used when trainings of a stage are stopped by force; None without a clock."""
        no_model = not any(self.folder.models.glob("trial-*"))
        if plan.ends_at is not None and plan.stage == "full" and self.start_seconds and no_model:
            return max(plan.ends_at, self.budget_seconds or 0.0)  # a late first model is better than none
        return plan.ends_at

    def model_path(self, number: int) -> Path:
        return self.models.model(number)

    def checkpoint_path(self, trial: Trial | FrozenTrial) -> Path:
        with storage_errors(self.store.place):  # it may take a note
            return self.models.checkpoint(trial)

    def unfinished_path(self, trial: Trial) -> Path:
        with storage_errors(self.store.place):
            return self.models.unfinished(trial)

    def root(self, study: Study, trial: FrozenTrial) -> FrozenTrial:
        return self.models.root(study, trial)

    def drop_checkpoints(self, keep: Collection[Path] = ()) -> None:
        self.models.drop_checkpoints({*keep, *self._written_now()})

    def evaluate(self, trial: FrozenTrial, split: str, size: int | None = None) -> dict[str, Any]:
        """Rank a split, or a sample of so many triples, with the parameters of a finished full-graph trial."""
        task = EvaluateTask(
            graph=self.folder.graph,
            config=trial.user_attrs[RESULT]["config"],
            device=self.settings.device,
            threads=self.settings.threads or 1,
            parameters=self.model_path(trial.number),
            split=split,
            size=size,
            seed=self.settings.seed,
        )
        tries = 0
        while True:
            try:
                return self.executor.run(task, Resources(cpus=task.threads), on_wait=self.save_state)
            except WorkerDied:
                tries += 1
                if tries == TRIES:
                    raise

    def stop(self) -> None:
        """Stop all that runs; the trials stay as they are, to be taken up by a later sitting."""
        self.under_way.clear()
        self.executor.close(kill=True)

    def close(self, *, kill: bool = False) -> None:
        """Stop the executor and let go of the database."""
        self.executor.close(kill=kill)
        self.store.close()

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
